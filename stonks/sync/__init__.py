"""Syncs: from the word of a person or of the clock to rows in the ledger. Nothing here knows a particular broker.

To read once, in this order:
  tables      a connection and a run, as rows
  states      the words: states, what a step can come to, what follows
  deciding    what follows from what: after any answer, in any state. Pure
  step, runner, pace, settling
              one step: read the row; claim it, make the call, take in what came; when a call may go; write what follows
  runs, schedule, timing, clock
              begin and end a run; find what is due; say when the next one is; mend what a wrong clock wrote
  connecting, views, credentials, windows, uploading, telling, resealing
              what people do and see
  allowance, lockouts, pricing
              a token's pace and its lockouts; prices from elsewhere, by the same rules
"""
