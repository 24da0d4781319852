"""What the language says, and what it says where it does not understand."""

import pytest

from supersede.bounty.artefacts import And, Compare, Expression, In, Not, Or, parse
from supersede.errors import ExpressionError


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a==1 or b==2 and c==3", "a == 1 or (b == 2 and c == 3)"),
        ("(a==1 or b==2) and c==3", "(a == 1 or b == 2) and c == 3"),
        ("not a==1 and b==2", "not a == 1 and b == 2"),
        ("18 <= age < 65", "age >= 18 and age < 65"),
        ("not 18 <= age < 65 or x == 1", "not (age >= 18 and age < 65) or x == 1"),
        ("5 < x", "x > 5"),
        ("a == 1.0 and b == 007 and c == -0.0 and d == .5", "a == 1 and b == 7 and c == 0 and d == 0.5"),
        ('sex in ["f", \'it\'\'s\']', "sex in ['f', 'it''s']"),
        ("`hours-per-week` > 40 and `and` == 1", "`hours-per-week` > 40 and `and` == 1"),
        ("`plain` is not missing", "plain is not missing"),
        ("\n a\t==\r\n1 ", "a == 1"),
        ("everyone", "everyone"),
        ("old == true", "old == true"),
    ],
)  # fmt: skip
def test_has_one_way_of_being_written(text, written):
    assert str(parse(text)) == written


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("age = 3", 4, "write == for equal"),
        ("age > 3 AND b == 1", 8, "write and"),
        ("age > 3 && b == 1", 8, "write and"),
        ("sex == f", 7, "texts are written in quotes: 'f'"),
        ("sex == 'f", 7, "never closed"),
        ("age + 1 > 3", 4, "no arithmetic"),
        ("a in []", 6, "expected a number"),
        ("a < 'x'", 4, "compares numbers"),
        ("'x' < a", 0, "compares numbers"),
        ("1 == a", 2, "expected < or <="),
        ("1 < 2", 4, "expected a column"),
        ("a", 1, "found 'the end'"),
        ("a is there", 5, "expected 'missing'"),
        ("(a == 1", 7, "expected ')'"),
        ("a == 12b", 5, "not a number"),
        ("a == 1.2.3", 5, "not a number"),
    ],
)
def test_shows_the_place(text, place, says):
    with pytest.raises(ExpressionError, match="character") as caught:
        parse(text)
    assert caught.value.position == place
    problem, line, caret = str(caught.value).split("\n")
    assert says in problem
    assert line == f"  {text}"
    assert caret == " " * (place + 2) + "^"


def test_shows_the_place_in_a_long_text():
    with pytest.raises(ExpressionError) as caught:
        parse("a == 1 and " * 20 + "b ! 2" + " and a == 1" * 20)
    _, line, caret = str(caught.value).split("\n")
    assert line[caret.index("^")] == "!"
    assert len(line) < 80


def test_knows_the_columns_where_it_is_given_them():
    columns = {"age": [1, 2], "sex": ["f", None]}
    assert parse("age > 1 and sex == 'x'", columns).mask(columns).tolist() == [False, False]
    with pytest.raises(ExpressionError, match=r"did you mean 'age'.*\(character 14\)"):
        parse("sex == 'f' or agee > 1", columns)
    with pytest.raises(
        ExpressionError, match="'3' is a text, but the column 'age' is of type number"
    ):
        parse("age == '3'", columns)
    with pytest.raises(
        ExpressionError, match="3 is a number, but the column 'sex' is of type text"
    ):
        parse("3 < sex", columns)


def test_limits_hold_for_trees_made_by_hand():
    test = Compare("a", "==", 1)
    deep = test
    for _ in range(2000):
        deep = Not(deep)
    for root, says in (
        (deep, "levels"),
        (Or((test,) * 64), "65 nodes"),
        (In("a", tuple(range(300))), "300 literals"),
        (In("a", ()), "empty"),
        (And((test,)), "at least two"),
        (Compare("a", "=", 1), "no comparison"),
        (Compare("a", "<", "x"), "compares numbers"),
        (Compare("a", "==", float("nan")), "finite"),
        (Compare("a", "==", 10**18), "18 digits"),
        (Compare("a", "==", None), "not a NoneType"),
        (Compare("", "==", 1), "1 to 200"),
        (Compare("a", "==", "x" * 201), "200 characters"),
        (Compare("a\nb", "==", 1), "U\\+000A"),
        (In("a", tuple(str(i) * 40 for i in range(200))), "4096"),
    ):
        with pytest.raises(ExpressionError, match=says):
            Expression(root)


def test_joins_with_operators():
    a, b = parse("a == 1"), parse("b == 2 or b == 3")
    assert str(a & b) == "a == 1 and (b == 2 or b == 3)"
    assert str(a | ~b) == "a == 1 or not (b == 2 or b == 3)"
    assert a != b
    assert len({a, parse("a == 1.0"), b}) == 2
    assert Expression(Compare("a", "==", True)) != Expression(Compare("a", "==", 1))
