"""OData as both systems speak it: filters, query options and paging over the rows of a :class:`Table`."""
