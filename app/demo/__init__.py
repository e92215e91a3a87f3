"""The service at work, on a database that is thrown away after. Everything goes over HTTP."""
