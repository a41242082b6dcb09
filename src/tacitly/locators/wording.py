"""Words that carry no answer: what sentences around an exact answer are made of."""

GLUE = frozenset(
    """
    above according across actual actually additionally affect affected affects almost along alongside already
    although always answer approximately around associated attributed based became become becomes began begin begins
    behind believed belong belongs below beneath beside best called calls cannot case cause caused causes certain
    characterized classic classified come comes common commonly complex composed considered contain contained
    contains context correct correctly credit credited cure cures current currently deal deals define defined
    defines depend depends derived derives describe described describes diagnosis different discovered due
    especially essential exactly example famous famously fictional first following follows form formed found
    frequently general generally get gets give given gives go goes happen happens held help helps however iconic
    important include included includes including indeed infamous instead invented involve involved involves just
    key kind kinds known largely legendary likely list located made main mainly major make makes manage manages
    manner many massive mean means measured medical medication medicine mostly name named namely names near nearly
    need never new normally notable often okay originate originated originates originating particular particularly
    people perhaps person play played plays popular possible possibly practitioner prevent prevents primarily
    primary probable probably produce produced produces professional question rare rather really reason reduce reduces
    refer referred refers regarded related relieve relieves renowned responsible result results said same say says
    see seen serious several severe short significant simply single situated so-called sometimes special specific
    specifically stand stands still sure take taken takes term the thing thought together took toward towards treat
    treated treatment treats true type types typical typically unique unknown use used uses usually various vast
    vital way well widely word written wrote yes
    """.split()  # noqa: SIM905
)
"""Verbs, hedges and general words that lead to an exact answer without being part of it."""

MEASURES = frozenset(
    """
    amount back blend bottom branch category class combination combinations component condition disease disorder end
    front genus group kind list lot member middle mixture name number pair part piece problem range sample series
    set side sort species study subtype symbol top type variety
    """.split()  # noqa: SIM905
)
"""Nouns that are passed over where `of` follows: a `type of` something."""

COPULAS = frozenset("is are was were be equals equal means called named remains becomes became".split())  # noqa: SIM905

NAMED_THINGS = frozenset(
    """
    actor actress artist author band capital city company composer continent country desert director district empire
    emperor island king lake language leader moon mountain nation ocean painter person place planet president queen
    range region river scientist sea ship singer state strait team town writer
    """.split()  # noqa: SIM905
)
"""What has a proper name: a question after one of these is answered by words in capitals."""

NAME_PARTICLES = frozenset("of de da van von der den la le el al bin ibn di du del y".split())  # noqa: SIM905
ABBREVIATIONS = frozenset("dr mr mrs ms st mt jr sr".split())  # noqa: SIM905
STATE_WORDS = frozenset("republic kingdom states emirates federation sultanate commonwealth".split())  # noqa: SIM905
"""What the names of countries are made of."""
NAMING = frozenset("called named known termed".split())  # noqa: SIM905
"""What a name follows."""
DIRECTIONS = frozenset(
    """
    center central centre east eastern north northeast northeastern northern northwest northwestern south southeast
    southeastern southern southwest southwestern west western
    """.split()  # noqa: SIM905
)
"""What names no place where `of` follows: the `south of` somewhere."""

LANDS = frozenset("archipelago continent peninsula region subcontinent world".split())  # noqa: SIM905
"""What belongs to the adjective before it: the African `continent`."""

FICTION = frozenset("book character comic film game movie novel play series show story".split())  # noqa: SIM905
"""What tells of places that are not."""

TITLES = frozenset("dr mr mrs ms professor sir".split())  # noqa: SIM905
"""What stands before a name without being part of it."""
