"""What the children of the process pools in `test_forward.py` run."""

import tickring

service = None


def make(address):
    return tickring.Service("s", events=["x"], forward=address)


def work(address):
    global service
    if service is None:
        service = make(address)
    service.record_x(10)
