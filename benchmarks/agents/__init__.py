"""What an agent spends on finding code, and whether it finds it: with pgdex, with grep alone, and with both.

Run: python -m benchmarks.agents --model scripted|PROVIDER:MODEL [--tasks 12] [--write]

The package is a small agent of its own, so that nothing of a client's own tools or prompts is measured with it.
tasks.py chooses questions with known answers and copies their source trees, toolboxes.py and shell.py are what a model
may call, conversation.py what it is told and what it answers, anthropic.py, openai.py,
openai_responses.py and scripted.py who answers, loop.py one task from its question to its end within a budget
(budget.py), grading.py says whether the answer is right, and report.py makes the tables. Only the command
(`__main__.py`) and tests import from here.
"""
