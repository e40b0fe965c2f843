"""A desktop's notification service (org.freedesktop.Notifications 1.2) for one test: says what it is told to show, as a line
of JSON each, and clicks what its standard input names: `{"id": 1, "action": "default"}`, or `{"id": 1}` to close one.

Needs jeepney and the bus at DBUS_SESSION_BUS_ADDRESS; ends with its standard input.
"""

import json
import sys
import threading

from jeepney import DBusAddress, HeaderFields, MessageType, new_error, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.threading import DBusRouter, open_dbus_connection

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
EMITTER = DBusAddress(PATH, bus_name=NAME, interface=NAME)
CAPABILITIES = ["actions", "body", "icon-static"]
# What the user did, as the specification counts reasons of NotificationClosed.
DISMISSED = 2
CALLED = 3


def say(**what):
    print(json.dumps(what), flush=True)


class Service:
    def __init__(self, connection):
        self.connection = connection
        self.last = 0

    def signal(self, member, signature, body):
        self.connection.send(new_signal(EMITTER, member, signature, body))

    def answer(self, call):
        member = call.header.fields[HeaderFields.member]
        if member == "GetServerInformation":
            return new_method_return(call, "ssss", ("test", "fanfare", "1", "1.2"))
        if member == "GetCapabilities":
            return new_method_return(call, "as", (CAPABILITIES,))
        if member == "Notify":
            return new_method_return(call, "u", (self.shown(*call.body),))
        if member == "CloseNotification":
            self.signal("NotificationClosed", "uu", (call.body[0], CALLED))
            say(closed=call.body[0])
            return new_method_return(call)
        return new_error(call, "org.freedesktop.DBus.Error.UnknownMethod")

    def shown(self, _app, replaces, icon, title, body, actions, hints, _timeout):
        if not replaces:
            self.last += 1
        number = replaces or self.last
        names = dict(zip(actions[::2], actions[1::2]))
        _, image = hints.get("image-data", ("", None))
        picture = image and {"width": image[0], "height": image[1], "pixels": len(image[6])}
        say(id=number, title=title, body=body, actions=names, icon=icon, image=picture)
        return number

    def act(self, id, action=None):
        if action is not None:
            self.signal("ActionInvoked", "us", (id, action))
        self.signal("NotificationClosed", "uu", (id, DISMISSED))


def main():
    connection = open_dbus_connection(bus="SESSION")
    with DBusRouter(connection) as router:
        router.send_and_get_reply(message_bus.RequestName(NAME))
    service = Service(connection)

    def obey():
        for line in sys.stdin:
            service.act(**json.loads(line))
        connection.close()

    threading.Thread(target=obey, daemon=True).start()
    say(ready=True)
    while True:
        message = connection.receive()
        if message.header.message_type == MessageType.method_call:
            connection.send(service.answer(message))


if __name__ == "__main__":
    main()
