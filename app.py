"""The WSGI app, for servers and the flask command. `python app.py` starts everything on this machine;
`python app.py demo` does so with a practice broker."""

import sys

if __name__ == "__main__":
    from stonks.supervisor import main

    sys.exit(main(sys.argv[1:]))

from stonks import cli, migrating
from stonks.factory import create_app

app = create_app()
cli.init_app(app)
migrating.init_app(app)
