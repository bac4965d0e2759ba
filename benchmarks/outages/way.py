"""A way to a server that can be cut: ``python -m benchmarks.outages.way FROM TO``, two ports of loopback.

The server stays up and keeps what it holds. While this process is dead, the way is refused.
"""

import asyncio
import contextlib
import sys


async def main(near: int, far: int) -> None:
    """Carry what comes on ``near`` to ``far``, and back."""

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", far)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_carried(reader, back), _carried(there, writer))

    server = await asyncio.start_server(between, "127.0.0.1", near)
    await server.serve_forever()


async def _carried(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(OSError):
        sink.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
