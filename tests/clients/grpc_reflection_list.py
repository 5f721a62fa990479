"""gRPC's own reflection client (PyPI `grpcio-reflection`): what a server says it serves.

    grpc_reflection_list.py TARGET

Prints one JSON line: each service with its calls.
"""

import json
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

with grpc.insecure_channel(sys.argv[1]) as channel:
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    served = {
        name: [method.name for method in pool.FindServiceByName(name).methods]
        for name in database.get_services()
        # The pool has no file of reflection itself.
        if not name.startswith("grpc.reflection.")
    }
print(json.dumps(served))
