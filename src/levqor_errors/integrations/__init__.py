"""Thin optional modules for frameworks. None of them patches anything; each uses what its framework offers for this.

    asgi.py      Starlette, FastAPI, and any other ASGI application
    wsgi.py      any WSGI application
    flask.py     Flask's signal
    django.py    Django's signal
    celery.py    Celery's signal

They import only the client; each needs its own framework only.
"""
