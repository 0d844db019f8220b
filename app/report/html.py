"""placeholder"""


def page(report):
    return ""
