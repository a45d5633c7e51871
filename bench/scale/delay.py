"""Hand on what comes to a port to another one, each piece a fixed time later, both ways.

usage: delay.py LISTEN TARGET MILLISECONDS COUNTS

COUNTS is a file for the bytes from clients and to them, and the number of pieces.
"""

import queue
import socket
import sys
import threading
import time

listen, target, counts = int(sys.argv[1]), int(sys.argv[2]), sys.argv[4]
delay = float(sys.argv[3]) / 1000
total = {"from": 0, "to": 0, "pieces": 0}
lock = threading.Lock()


def count(way, size):
    with lock:
        total[way] += size
        total["pieces"] += 1
        with open(counts, "w", encoding="ascii") as file:
            file.write(f"{total['from']} {total['to']} {total['pieces']}\n")


def read(source, pieces, way):
    piece = b"-"
    while piece:
        try:
            piece = source.recv(65536)
        except OSError:
            piece = b""
        pieces.put((time.monotonic() + delay, piece))
        count(way, len(piece))


def write(target_socket, pieces):
    while True:
        due, piece = pieces.get()
        time.sleep(max(0, due - time.monotonic()))
        if not piece:
            target_socket.close()
            return
        target_socket.sendall(piece)


def start(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def hand_on(client):
    there = socket.create_connection(("127.0.0.1", target))
    for source, other, way in ((client, there, "from"), (there, client, "to")):
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pieces = queue.Queue()
        start(read, source, pieces, way)
        start(write, other, pieces)


server = socket.create_server(("127.0.0.1", listen))
while True:
    hand_on(server.accept()[0])
