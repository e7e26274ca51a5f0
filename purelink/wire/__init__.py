"""PostgreSQL's frontend/backend protocol without I/O: bytes in, bytes out.

Floor 1, pure: no socket, no TLS, no clock, no environment, no randomness. From the bottom up:

* `codes`, `codec` - the protocol's numbers, and reading a message body inside its bounds;
* `frontend`, `backend` - every message of protocol 3.0 and 3.2, encoded *and* decoded, so
  that the same codec plays the server in tests;
* `legality` - as a table, what may be heard when;
* `answers` - what is asked is answered by these;
* `hearing`, `session` - what one connection knows: parameter statuses, key data, transaction
  status, and the queue of what was asked, against which every answer is checked;
* `wants` - what a dialogue may ask of the world;
* `startup`, `dialogues`, `cancel` - the dialogues: generators that yield wants;
* `auth` and its neighbours - who is who.

Source: the PostgreSQL manual, part "Frontend/Backend Protocol".
"""
