"""Tables as rows, ids and labels: delimited, JSON and parquet files, and tables of ``datasets``.

``read`` reads ``table:`` sources: ``files`` finds the splits and their shards; ``encodings``,
``dialects``, ``quotes`` and ``lines`` serve ``delimited`` files; ``json_files`` the JSON ones.
``columns`` makes data of any table, by ``detection`` of its columns, ``rows`` and ``values``;
``places`` are the folders that image paths may not leave.
"""

from tutelage.data.tables.columns import Table, from_tables
from tutelage.data.tables.places import Place
from tutelage.data.tables.read import quiet, read_table

__all__ = ["Place", "Table", "from_tables", "quiet", "read_table"]
