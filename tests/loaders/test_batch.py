from loaders.batch import Books, batch_id


def test_the_same_content_of_a_table_is_the_same_batch() -> None:
    assert batch_id("lab", "users", "ab") == batch_id("lab", "users", "ab")


def test_other_content_table_or_source_is_another_batch() -> None:
    ids = {
        batch_id("lab", "users", "ab"),
        batch_id("lab", "users", "ac"),
        batch_id("lab", "compounds", "ab"),
        batch_id("other", "users", "ab"),
        batch_id("labu", "sers", "ab"),
    }
    assert len(ids) == 5


def test_a_snapshot_is_a_batch_of_its_run() -> None:
    first, second = (batch_id("posts", "posts", "ab", run) for run in ("run-1", "run-2"))
    assert len({first, second, batch_id("posts", "posts", "ab")}) == 3


def test_an_id_is_32_hexadecimal_digits() -> None:
    name = batch_id("lab", "users", "ab")
    assert len(name) == 32
    assert set(name) <= set("0123456789abcdef")


def test_books_balance_when_every_row_read_is_accounted_for() -> None:
    assert Books(3, 2, 1).balance
    assert not Books(3, 2, 0).balance


def test_books_add_up() -> None:
    assert Books(3, 2, 1) + Books(5, 5, 0) == Books(8, 7, 1)
    assert sum([Books(1, 1, 0), Books(2, 0, 2)], Books()) == Books(3, 1, 2)
