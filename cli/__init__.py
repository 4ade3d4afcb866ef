"""The command `posterity`: one small module per command, and the supervisor behind `serve`."""
