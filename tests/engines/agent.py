# A small agent for tests: speaks the Agent Client Protocol, version 1, and does what its first argument says.
import json, os, sys, time

MODE = sys.argv[1]
number = 1000
session = "s-1"
turns = 0


def send(message):
    sys.stdout.write(json.dumps(dict(message, jsonrpc="2.0")) + "\n")
    sys.stdout.flush()


def read():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def ask(method, **params):
    global number
    number += 1
    send({"id": number, "method": method, "params": dict(params, sessionId=session)})
    while True:
        message = read()
        if message.get("id") == number and "method" not in message:
            return message
        if message.get("method") == "session/cancel":
            ended("cancelled")


def update(**what):
    send({"method": "session/update", "params": {"sessionId": session, "update": what}})


def say(text):
    update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": text})


def ended(reason):
    result = {"stopReason": reason}
    if MODE == "boasts":
        update(sessionUpdate="usage_update", used=9000, size=200000, cost={"amount": 0.0421, "currency": "USD"})
        result["usage"] = {"inputTokens": 9000000000000000000, "outputTokens": 300}
    if MODE == "counts":
        update(sessionUpdate="usage_update", used=9000, size=200000, cost={"amount": 0.0421, "currency": "USD"})
        result["usage"] = {"totalTokens": 2100, "inputTokens": 1000, "outputTokens": 300, "thoughtTokens": 100, "cachedReadTokens": 700}
    send({"id": prompt_id, "result": result})
    time.sleep(30)
    sys.exit(0)


def permission(kind, path=None, url=None):
    call = {"toolCallId": "t", "title": kind, "kind": kind, "rawInput": {}}
    if path:
        call["locations"] = [{"path": path}]
    if url:
        call["rawInput"]["url"] = url
    options = [
        {"optionId": "for-ever", "name": "Reject", "kind": "allow_always"},
        {"optionId": "once", "name": "Reject", "kind": "allow_once"},
        {"optionId": "no", "name": "Allow", "kind": "reject_once"},
    ]
    outcome = ask("session/request_permission", toolCall=call, options=options)["result"]["outcome"]
    return outcome.get("optionId", outcome["outcome"])


def tried(what, do):
    try:
        do()
        return f"{what}: worked"
    except OSError as error:
        return f"{what}: {error.strerror}"


def write(path, text="owned"):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def work(prompt):
    cwd = os.getcwd()
    if MODE in ("edit", "counts", "boasts"):
        update(sessionUpdate="plan", entries=[{"content": "read it", "status": "completed", "priority": "high"}, {"content": "change it", "status": "pending", "priority": "high"}])
        say("I will change it.")
        content = ask("fs/read_text_file", path=cwd + "/a.py")["result"]["content"]
        update(sessionUpdate="tool_call", toolCallId="t1", title="edit a.py", kind="edit", status="pending", locations=[{"path": cwd + "/a.py"}])
        assert permission("edit", cwd + "/a.py") == "once"
        ask("fs/write_text_file", path=cwd + "/a.py", content=content.replace("== None", "is None"))
        write("new/b.py", "b = 1\n")
        say("I compare with None by identity now.")
    elif MODE == "again":
        text = "\n".join(block["text"] for block in prompt)
        write("prompt.txt", text)
        with open("a.py", "a") as file:
            file.write("# again\n")
        say("done")
    elif MODE == "escape":
        answers = []
        for path in ["../out.txt", "/etc/owned", os.path.expanduser("~/../../../x"), "/tmp/../root/owned"]:
            answers.append(tried(path, lambda: write(path)))
            answers.append("fs: " + json.dumps("error" in ask("fs/write_text_file", path=path, content="owned")))
        os.symlink("/etc", "etc")
        os.symlink("/etc/passwd", "passwd")
        answers.append("through a link: " + json.dumps("error" in ask("fs/write_text_file", path=cwd + "/etc/owned", content="owned")))
        answers.append("a link: " + json.dumps("error" in ask("fs/read_text_file", path=cwd + "/passwd")))
        answers.append("permission outside: " + permission("edit", "/etc/passwd"))
        answers.append("permission for a host: " + permission("fetch", url="https://example.org/"))
        answers.append("permission inside: " + permission("edit", cwd + "/a.py"))
        answers.append("the daemon: " + tried("socket", lambda: os.stat(sys.argv[2])))
        answers.append("no method: " + json.dumps(ask("fs/format_disk", path="/")["error"]["code"]))
        write("answers.txt", "\n".join(answers) + "\n")
        say("tried")
    elif MODE == "terminal":
        made = ask("terminal/create", command="/bin/sh", args=["-c", "echo hello; cat $HOME/login/key; exit 3"], cwd=cwd)
        terminal = made["result"]["terminalId"]
        exit = ask("terminal/wait_for_exit", terminalId=terminal)["result"]
        output = ask("terminal/output", terminalId=terminal)["result"]
        ask("terminal/release", terminalId=terminal)
        gone = ask("terminal/output", terminalId=terminal)
        away = ask("terminal/create", command="true", cwd="/")
        slow = ask("terminal/create", command="sleep 600")["result"]["terminalId"]
        ask("terminal/kill", terminalId=slow)
        killed = ask("terminal/wait_for_exit", terminalId=slow)["result"]
        lines = [json.dumps(exit), output["output"].split("\n")[0], "gone" if "error" in gone else "there",
                 "refused" if "error" in away else "made", json.dumps(killed["exitCode"]),
                 "no key" if "a key" not in output["output"] else "a key"]
        with open(os.path.expanduser("~/login/key")) as key:
            lines.append("the agent: " + key.read())
        ask("terminal/create", command="sleep 600; touch late")
        write("answers.txt", "\n".join(lines) + "\n")
    elif MODE == "hoards":
        # waits for one command over and over, and asks by a name that is longer than any
        made = ask("terminal/create", command="sleep 600")["result"]["terminalId"]
        waits = [f"wait-{n}" for n in range(100)] + ["x" * 300, {"a": "name"}]
        for id in waits:
            send({"id": id, "method": "terminal/wait_for_exit", "params": {"sessionId": session, "terminalId": made}})
        refused = [read() for _ in range(38)]
        ask("terminal/kill", terminalId=made)
        words = [f"{answer['id']} {answer['error']['code']}" for answer in refused]
        write("answers.txt", "\n".join([words[0], words[35], words[36], words[37]]) + "\n")
        say("hoarded")
    elif MODE == "seeks":
        # looks for a word (told backwards) wherever it may lie: itself, through a command it starts, through Paraph
        import subprocess
        hunt = ["python3", "tool/hunt.py", *sys.argv[2:]]
        lines = ["itself: " + subprocess.run(hunt, capture_output=True, text=True).stdout.strip().split("\n")[-1]]
        made = ask("terminal/create", command=hunt[0], args=hunt[1:], cwd=cwd)["result"]["terminalId"]
        ask("terminal/wait_for_exit", terminalId=made)
        lines.append("terminal: " + ask("terminal/output", terminalId=made)["result"]["output"].strip().split("\n")[-1])
        base = os.environ.get("ANTHROPIC_BASE_URL")
        if base:
            import urllib.error, urllib.request
            def post(url):
                headers = {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "authorization": "Bearer mine", "content-type": "application/json"}
                try:
                    return urllib.request.urlopen(urllib.request.Request(url, b"{}", headers), timeout=10).read().decode()
                except (urllib.error.URLError, OSError) as error:
                    return f"failed: {error}"
            lines.append("through the door: " + post(base + "/v1/messages"))
            lines.append("straight: " + post(sys.argv[3] + "/v1/messages"))
            reach = f"import urllib.request; print(urllib.request.urlopen('{base}/v1/messages', timeout=5).status)"
            made = ask("terminal/create", command="python3", args=["-c", reach], cwd=cwd)["result"]["terminalId"]
            exit = ask("terminal/wait_for_exit", terminalId=made)["result"]
            lines.append("the door from a terminal: " + str(exit["exitCode"]))
        lines.append("key: " + os.environ.get("ANTHROPIC_API_KEY", "none"))
        if os.path.exists(os.path.expanduser("~/login/key")):
            with open(os.path.expanduser("~/login/key")) as key:
                lines.append(f"read by the agent: {len(key.read())} bytes")
        write("answers.txt", "\n".join(lines) + "\n")
        say("sought")
    elif MODE == "mends":
        # a check that did not pass is mended; of several threads all but the last have a word
        import re
        text = "\n".join(block["text"] for block in prompt)
        write("prompt.txt", text)
        with open("a.py", "a") as file:
            file.write("# mended\n" if "did not pass on it" in text else "# first\n")
        threads = re.findall(r"THREAD (\d+)", text.split("for a word on ")[1].split(":")[0]) if "for a word on " in text else []
        say("I did it.\n\n" + "".join(f"- THREAD {number}: answered - because\n" for number in threads[:-1]))
    elif MODE == "vars":
        # whether a variable holds a word (told backwards), here and in a command that Paraph runs; then says it aloud
        name, word = sys.argv[2], sys.argv[3][::-1]
        made = ask("terminal/create", command="/bin/sh", args=["-c", "echo \"${" + name + ":-none}\""], cwd=cwd)["result"]["terminalId"]
        ask("terminal/wait_for_exit", terminalId=made)
        shown = ask("terminal/output", terminalId=made)["result"]["output"].strip()
        lines = ["itself: " + ("has it" if os.environ.get(name) == word else "nothing"), "terminal: " + shown]
        write("answers.txt", "\n".join(lines) + "\n")
        print("in the log: " + os.environ.get(name, "none"), file=sys.stderr, flush=True)
        say("It is " + os.environ.get(name, "none"))
    elif MODE == "answers":
        # changes something once; asked about it, it has reasons and changes nothing, or takes its change back
        import re
        text = "\n".join(block["text"] for block in prompt)
        threads = re.findall(r"THREAD (\d+)", text.split("for a word on ")[1].split(":")[0]) if "for a word on " in text else []
        if not threads:
            with open("a.py", "a") as file:
                file.write("# first\n")
        elif "back" in sys.argv:
            with open("a.py") as file:
                kept = file.read().replace("# first\n", "")
            write("a.py", kept)
        say("It is right as it is.\n\n" + "".join(f"THREAD {number}: declined - it is right\n" for number in threads))
    elif MODE == "git":
        import subprocess
        status = subprocess.run(["git", "status"], capture_output=True, text=True)
        write("answers.txt", f"{os.path.exists('.git')} {status.returncode}\n" + "\n".join(block["text"] for block in prompt))
    elif MODE in ("spends", "owns-up", "spends-and-dies"):
        # tells what it took before it is stopped, or fails
        update(sessionUpdate="usage_update", used=4000, size=200000)
        update(sessionUpdate="usage_update", used=9000, size=200000, cost={"amount": 0.0421, "currency": "USD"})
        write("a.py", "half = 1\n")
        say("thinking")
        while MODE != "spends-and-dies" and read().get("method") != "session/cancel":
            pass
        if MODE == "owns-up":
            usage = {"totalTokens": 1300, "inputTokens": 1000, "outputTokens": 300}
            send({"id": prompt_id, "result": {"stopReason": "cancelled", "usage": usage}})
        if MODE == "spends-and-dies":
            sys.exit(7)
        while True:
            time.sleep(1)
    elif MODE == "hang":
        write("a.py", "half")
        say("thinking")
        while True:
            time.sleep(1)
    elif MODE == "polite":
        write("a.py", "half")
        say("thinking")
        while read().get("method") != "session/cancel":
            pass
        ended("cancelled")
    elif MODE == "steered":
        # works until it is stopped to be told something; then it does that, and is done
        text = "\n".join(block["text"] for block in prompt)
        with open("prompts.txt", "a") as file:
            file.write(f"turn {turns}: {text}\n")
        if turns == 1 and "use a list" not in text:
            say("thinking")
            while read().get("method") != "session/cancel":
                pass
            send({"id": prompt_id, "result": {"stopReason": "cancelled"}})
            return
        say("as you say")
    elif MODE == "late":
        # its turn ends by itself, whatever it is told meanwhile
        with open("prompts.txt", "a") as file:
            file.write(f"turn {turns}: " + prompt[0]["text"] + "\n")
        if turns == 1:
            say("thinking")
            while read().get("method") != "session/cancel":
                pass
            send({"id": prompt_id, "result": {"stopReason": "end_turn"}})
            return
    elif MODE == "resumed":
        # leaves one half, and the other when it goes on
        write("second.py" if os.path.exists("first.py") else "first.py", "half = 1\n")
        write("prompt.txt", "\n".join(block["text"] for block in prompt))
        if not os.path.exists("second.py"):
            say("thinking")
            while read().get("method") != "session/cancel":
                pass
            ended("cancelled")
    elif MODE == "flood":
        for turn in range(20000):
            say("word " * 50)
        write("a.py", "flooded = 1\n")
    elif MODE == "die":
        write("a.py", "half")
        print("Traceback: something broke", file=sys.stderr)
        sys.exit(7)
    elif MODE == "junk":
        print("a warning on the wrong stream")
        print("{\"id\": 7, \"result\": ")
        print("[1, 2, 3]")
        print("\x1b[31mred\x1b[0m")
        send({"id": 999999, "result": {}})
        send({"method": "session/update", "params": {"update": {"sessionUpdate": "brand_new"}}})
        send({"method": "session/update", "params": 3})
        print("null")
        write("a.py", "junk = 1\n")
        say("done")
    elif MODE == "long-line":
        sys.stdout.write("x" * (20 << 20) + "\n")
        sys.stdout.flush()
        time.sleep(30)
    elif MODE == "nothing":
        say("There is nothing to do.")
    elif MODE == "refuse":
        say("I would rather not.")
        ended("refusal")
    elif MODE == "tokens":
        write("a.py", "short = 1\n")
        ended("max_tokens")
    elif MODE == "net":
        import urllib.request
        answers = []
        for url in sys.argv[2:]:
            try:
                answers.append(urllib.request.urlopen(url, timeout=10).read().decode())
            except Exception as error:
                answers.append(str(error))
        import socket
        try:
            port = int(sys.argv[2].split(":")[2].split("/")[0])
            socket.create_connection(("127.0.0.1", port), timeout=3)
            answers.append("straight: worked")
        except OSError as error:
            answers.append(f"straight: {error.strerror}")
        write("answers.txt", "\n".join(answers) + "\n")
    ended("end_turn")


while True:
    message = read()
    method, id = message.get("method"), message.get("id")
    if method == "initialize":
        if MODE == "silent-start":
            time.sleep(600)
        version = 99 if MODE == "other-version" else 1
        send({"id": id, "result": {"protocolVersion": version, "agentCapabilities": {}, "agentInfo": {"name": "test-agent", "version": "0.1"}, "authMethods": [{"id": "x", "name": "Log in with X"}]}})
    elif method == "session/new":
        assert message["params"]["mcpServers"] == []
        assert message["params"]["cwd"] == os.getcwd(), (message["params"], os.getcwd())
        if MODE == "login":
            send({"id": id, "error": {"code": -32000, "message": "Authentication required"}})
        else:
            send({"id": id, "result": {"sessionId": session}})
    elif method == "session/prompt":
        prompt_id = id
        turns += 1
        work(message["params"]["prompt"])
    elif id is not None:
        send({"id": id, "error": {"code": -32601, "message": "no such method"}})
