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
users = list(suite.user_tasks.items())[: given.get("limit") or None]
injections = list(suite.injection_tasks.items())[: given.get("limit") or None]
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
                made += list(injection.ground_truth(environment))
                answer = f"{answer} {injection.GROUND_TRUTH_OUTPUT}"
        runtime, trace = FunctionsRuntime(suite.tools), []
        for call in made:
            runtime.run_function(environment, call.function, call.args)
            trace.append(call)
        said = [{"type": "text", "content": answer}]
        done = suite._check_task_result(user, said, before, environment, trace)
        obeyed = suite._check_task_result(injection, said, before, environment, trace)
        found[name] = {"done": bool(done), "obeyed": bool(obeyed), "calls": [[c.function, str(c.args)] for c in made]}
print(json.dumps(found))
