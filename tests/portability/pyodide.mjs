// Runs purelink in Pyodide: `node pyodide.mjs PYODIDE.MJS PURELINK.ZIP DSN`. node opens the socket,
// Python gets a byte stream: what a browser would do with a WebSocket.
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { pathToFileURL } from "node:url";

const [, , module, archive, dsn] = process.argv;
const { loadPyodide } = await import(pathToFileURL(module));
const pyodide = await loadPyodide();
pyodide.unpackArchive(Uint8Array.from(readFileSync(archive)), "zip", { extractDir: "/home/pyodide" });

function open(host, port) {
  const socket = createConnection({ host, port });
  const pieces = [];
  let waiting = null;
  let ended = false;
  const wake = () => {
    if (waiting && (pieces.length || ended)) {
      waiting(pieces.shift() ?? new Uint8Array());
      waiting = null;
    }
  };
  socket.on("data", (data) => { pieces.push(Uint8Array.from(data)); wake(); });
  socket.on("close", () => { ended = true; wake(); });
  socket.on("error", () => { ended = true; wake(); });
  return {
    recv: () => new Promise((done) => { waiting = done; wake(); }),
    send: (data) => { socket.write(data); },
    close: () => socket.end(),
  };
}

pyodide.globals.set("js_open", open);
pyodide.globals.set("dsn", dsn);
console.log(await pyodide.runPythonAsync(`
import sys
import purelink
from purelink import conninfo
from pyodide.ffi import to_js

assert conninfo.parse("host=a port=1")["port"] == "1"


class NodeStream:
    def __init__(self, target):
        self.inner = js_open(target.host, int(target.port))

    async def recv(self, size):
        return (await self.inner.recv()).to_bytes()

    async def send(self, data):
        self.inner.send(to_js(data))

    async def close(self):
        self.inner.close()


rows = [(n, n / 4, f"row {n} ä€") for n in range(2000)]
count = 0
async with await purelink.aconnect(dsn, dial=NodeStream, autocommit=True) as connection:
    assert (await connection.query("SELECT $1::int + 1", 41)).scalar() == 42
    await connection.query("CREATE TEMP TABLE item (id int, price float8, name text)")
    assert await connection.copy_in("COPY item FROM STDIN", rows) == len(rows)
    assert (await connection.query("SELECT * FROM item ORDER BY id")).rows == rows
    try:
        await connection.query("SELECT 1/0")
    except purelink.DataError as error:
        assert error.sqlstate == "22012"
    count = (await connection.query("SELECT count(*) FROM item")).scalar()
f"{sys.platform} {sys.version.split()[0]}: {count} rows there and back, over a byte stream"
`));
process.exit(0);
