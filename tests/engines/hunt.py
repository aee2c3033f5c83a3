# Looks for a word, told backwards, in every place that a command may read: variables and command lines of all processes,
# their roots and folders, homes, scratch folders. Prints where it is, or "nothing".
import os, sys

word = sys.argv[1][::-1].encode()
found = set()


def look(path):
    try:
        with open(path, "rb") as file:
            if word in file.read(1 << 20):
                found.add(path)
    except OSError:
        pass


def below(top):
    for folder, _, names in os.walk(top):
        if folder.count("/") > top.count("/") + 6:
            continue
        for name in names:
            look(os.path.join(folder, name))


home = os.path.expanduser("~")
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ["environ", "cmdline", "maps"]:
        look(f"/proc/{pid}/{name}")
    for place in [home, *sys.argv[2:]]:
        below(f"/proc/{pid}/root{place}") if place.startswith("/") else None
    below(f"/proc/{pid}/cwd")
room = os.path.dirname(os.path.dirname(home))
for top in [home, room, os.path.dirname(room), os.getcwd(), "/tmp", "/var/tmp", "/dev/shm", "/run", "/root", "/home", *sys.argv[2:]]:
    below(top) if top.startswith("/") and top != "/" else None
print(" ".join(sorted(found)) or "nothing")
