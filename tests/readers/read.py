#!/usr/bin/env python3
"""Reads a Parquet file by pyarrow and by DuckDB, and prints what each found: types, and every value as text, exactly."""

import json
import sys

import duckdb
import pyarrow.parquet

FILE = sys.argv[1]


def text(value):
    if value is None or isinstance(value, (str, bool)):
        return value
    return format(value, "f") if type(value).__name__ == "Decimal" else value.isoformat()


def by_pyarrow():
    table = pyarrow.parquet.read_table(FILE)
    rows = [[text(value) for value in row.values()] for row in table.to_pylist()]
    return {"types": [str(field.type) for field in table.schema], "names": table.schema.names, "rows": rows}


def by_duckdb():
    found = duckdb.execute("SELECT * FROM read_parquet(?)", [FILE])
    names = [column[0] for column in found.description]
    types = [str(column[1]) for column in found.description]
    return {"types": types, "names": names, "rows": [[text(value) for value in row] for row in found.fetchall()]}


json.dump({"pyarrow": by_pyarrow(), "duckdb": by_duckdb()}, sys.stdout)
