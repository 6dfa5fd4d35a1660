"""Runs its arguments in a pseudo-terminal of their own.

Standard input is what is typed, and its end hangs the terminal up. Standard output is what the terminal shows.
Descriptor 3 tells, a JSON a line: {"pid": n} at the start, {"status": n, "signal": name} at the end.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios

report = os.fdopen(3, "w")
pid, terminal = pty.fork()
if pid == 0:
    os.close(3)
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
print(json.dumps({"pid": pid}), file=report, flush=True)

watched = [0, terminal]
while terminal in watched:
    for ready in select.select(watched, [], [])[0]:
        try:
            data = os.read(ready, 65536)
        except OSError:
            data = b""
        if ready == terminal and data:
            os.write(1, data)
        elif data:
            os.write(terminal, data)
        else:
            watched = []
os.close(terminal)
_, status = os.waitpid(pid, 0)
signaled = os.WIFSIGNALED(status)
print(json.dumps({
    "status": None if signaled else os.WEXITSTATUS(status),
    "signal": signal.Signals(os.WTERMSIG(status)).name if signaled else None,
}), file=report, flush=True)
