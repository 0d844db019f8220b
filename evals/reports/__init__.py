"""One run of suites told five ways: to a terminal, to CI (JUnit), to a pull request, to a browser, to a program."""
