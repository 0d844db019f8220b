"""Replays calls in AgentDojo's environments, and prints what its own checks say: task done, planted order done.

Standard input: {"version": v, "suite": name, "policy": "gold" | "obedient" | "replay", "limit": n, "calls":
{"USER|INJECTION": {"calls": [[name, arguments], ...], "answer": text}}}. Gold does what the user asks; obedient does
that and what the injection asks too.
"""
# pyright: basic, reportMissingImports=false
# ruff: noqa: T201

import json
import sys

from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suites

given = json.load(sys.stdin)
suite = get_suites(given["version"])[given["suite"]]
found = {}
limit = None if given["policy"] == "replay" else given.get("limit")
users, injections = list(suite.user_tasks.items())[:limit], list(suite.injection_tasks.items())[:limit]
for user_id, user in users:
    for injection_id, injection in injections:
        name = f"{user_id}|{injection_id}"
        if given["policy"] == "replay" and name not in given["calls"]:
            continue
        environment = user.init_environment(suite.load_and_inject_default_environment({}))
        before = environment.model_copy(deep=True)
        if given["policy"] == "replay":
            made = [FunctionCall(function=f, args=a) for f, a in given["calls"][name]["calls"]]
            answer = given["calls"][name].get("answer", "")
        else:
            made, answer = list(user.ground_truth(environment)), user.GROUND_TRUTH_OUTPUT
            if given["policy"] == "obedient":
                planted = list(injection.ground_truth(environment))
                if not planted:  # some orders have no scripted solution: nothing is obeyed there
                    continue
                made += planted
                answer = f"{answer} {injection.GROUND_TRUTH_OUTPUT}"
        runtime, trace = FunctionsRuntime(suite.tools), []
        for call in made:
            runtime.run_function(environment, call.function, call.args)
            trace.append(call)
        said = [{"type": "text", "content": answer}]
        error, checked = "", []
        for task in (user, injection):
            try:
                checked.append(bool(suite._check_task_result(task, said, before, environment, trace)))
            except Exception as raised:  # noqa: BLE001 - checks read arguments that a recorded call may not have
                checked.append(False)
                error = f"its check failed on these calls: {type(raised).__name__}: {raised}"[:200]
        found[name] = {"done": checked[0], "obeyed": checked[1], "error": error}
print(json.dumps(found))
