"""Two versions of an application that sorts customers' messages: from their logs to a decision."""

from supersede.demo.answers.steps import Answers, decide_answers

__all__ = ["Answers", "decide_answers"]
