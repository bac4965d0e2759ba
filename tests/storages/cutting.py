"""A server between a client and Redis that loses an answer, as a network may."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Cutting:
    """Passes everything on, until ``cut`` is set: then the next answer to a write is lost.

    The server has executed the command by then. The client sees its connection closed.
    """

    def __init__(self, to: int) -> None:
        self.cut = False
        self.lost = 0
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server:
            while command := client.recv(2**20):
                server.sendall(command)
                answer = server.recv(2**20)
                if self.cut and b"EVAL" in command:
                    self.cut = False
                    self.lost += 1
                    return
                client.sendall(answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def cutting(to: int) -> Iterator[Cutting]:
    proxy = Cutting(to)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    yield proxy
    proxy.close()
    thread.join()
