"""What a shell is offered after Tab: the values of arguments and options, and the scripts that ask for them.

`choices` is imported by the commands, for `shell_complete=`; it imports what it needs when a shell asks. It may ask the
database (`lookup`), but never starts it, never waits for long, and never says a word: where there is no answer in time,
nothing is offered.
"""
