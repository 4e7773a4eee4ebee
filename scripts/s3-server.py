"""moto's S3 server on 127.0.0.1, one request after another: `s3-server.py LIBRARIES PORT`.

moto checks `If-None-Match` and stores in two steps, so of requests at the same time two may find a name free. A real object store does it in
one; here a lock does. The body is read before it is taken, so that a client that stalls holds up no one else.
"""

import io
import sys
import threading

sys.path.insert(0, sys.argv[1])

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def application(environ, start_response):
    if not environ.get("wsgi.input_terminated"):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
    with one_at_a_time:
        return list(moto(environ, start_response))


server = make_server("127.0.0.1", int(sys.argv[2]), application, threaded=True, request_handler=MotoRequestHandler)
print("ready", flush=True)
server.serve_forever()
