"""`python -m stonks.practice --port 8765`: the practice broker with its demo data, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import threading

from stonks.practice.demo import QUERIES, TOKEN, demo_broker


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stonks.practice", description="A Flex Web Service to practise on.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--seconds", type=float, default=3, help="how long making a statement takes (default 3)")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    broker = demo_broker(options.host, options.port, options.seconds)
    broker.start()
    origin = broker.url.removesuffix("/FlexWebService")
    print(f"Practice broker at {origin}/ (its first page says what to try)", flush=True)
    print(f"STONKS_FLEX_URL={broker.url}   Flex Query ID {next(iter(QUERIES))}   token {TOKEN}", flush=True)
    stop.wait()
    broker.stop()


if __name__ == "__main__":
    main()
