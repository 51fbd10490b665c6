"""The service: the same runs and tables as the command line's, over HTTP.

It starts runs as processes of their own and loads neither dlt nor dbt.
"""
