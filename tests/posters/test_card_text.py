import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posters.card_text import FILES, SMALLEST, Face, TextBox, drawable, font, set_text, text_width

BOX = TextBox(width=290, height=118, largest=84)
FACES = tuple(FILES)
words = st.text(st.sampled_from("AbcdefWiMÅß'-.:,é "), min_size=1, max_size=300)


@pytest.mark.parametrize("face", FACES)
def test_the_advances_of_the_characters_add_up_to_the_width_of_the_line(face: Face) -> None:
    for size in (12, 33, 84):
        line = "AVATAR To Wave: L'été"
        assert text_width(line, face, size) == pytest.approx(font(face, size).getlength(line))


@pytest.mark.parametrize("face", FACES)
def test_the_fonts_have_accents_greek_and_cyrillic(face: Face) -> None:
    title = "Amélie Þór Čapek Şehir Łódź Ελλάδα Брат ½ “quoted” \u2013 …"
    assert drawable(title, face) == title


@pytest.mark.parametrize("face", FACES)
def test_what_no_font_can_draw_is_left_out_and_decomposed_accents_are_composed(face: Face) -> None:
    assert drawable("Heat \U0001f525 \u6f22\u5b57", face) == "Heat"
    assert drawable("Ame\u0301lie", face) == "Am\u00e9lie"
    assert drawable("a\u0000b\u200ec\td", face) == "abc d"


def test_a_short_title_is_as_large_as_its_box_allows() -> None:
    assert set_text("Heat", "sans", BOX).size == BOX.largest
    assert set_text("Heat", "sans", BOX).lines == ("Heat",)


def test_lines_are_even_rather_than_leaving_a_last_word_alone() -> None:
    lines = set_text("The Good, the Bad and the Ugly", "serif", BOX).lines
    lengths = [text_width(line, "serif", 30) for line in lines]
    assert min(lengths) > 0.5 * max(lengths)


def test_a_long_word_makes_the_type_smaller_before_it_is_broken() -> None:
    for word in ("Koyaanisqatsi", "Supercalifragilisticexpialidocious"):
        assert set_text(word, "serif", BOX).lines == (word,)
    assert len(set_text("W" * 60, "sans", BOX).lines) > 1


def test_what_does_not_fit_at_the_smallest_size_ends_in_an_ellipsis() -> None:
    cut = set_text("W" * 300, "serif", BOX)
    assert cut.size == SMALLEST
    assert cut.lines[-1].endswith("\u2026")


def test_only_spaces_give_no_lines() -> None:
    assert set_text("   ", "sans", BOX).lines == ()


@settings(max_examples=80, deadline=None)
@given(text=words, face=st.sampled_from(FACES))
def test_every_text_stays_in_its_box_and_keeps_its_letters_in_order(text: str, face: Face) -> None:
    done = set_text(text, face, BOX)
    assert done.width <= BOX.width + 1
    assert done.height <= BOX.height
    for line in done.lines:
        assert font(face, done.size).getlength(line) <= BOX.width
    shown = "".join(done.lines).replace(" ", "").removesuffix("\u2026")
    assert text.replace(" ", "").startswith(shown)
    if not "".join(done.lines).endswith("\u2026"):
        assert shown == text.replace(" ", "")
