"""Which pictures a genre has: one abstract motif, and more where there are many films of it."""

from collections.abc import Callable

from posters import card_emblems as emblems
from posters import card_patterns as patterns
from posters import card_scenes as scenes
from posters.card_canvas import Canvas, Dice
from posters.card_palettes import NO_GENRE, Palette

Motif = Callable[[Canvas, Palette, Dice], None]

MOTIFS: dict[str, tuple[Motif, ...]] = {
    "Action": (patterns.burst,),
    "Adventure": (scenes.mountains,),
    "Animation": (scenes.bouncing,),
    "Children": (patterns.tiles,),
    "Comedy": (emblems.grin, patterns.grins, scenes.curtain),
    "Crime": (emblems.fingerprint, patterns.skyline),
    "Documentary": (emblems.viewfinder,),
    "Drama": (emblems.two_discs, scenes.horizon, scenes.stairs),
    "Fantasy": (scenes.castle,),
    "Film-Noir": (scenes.blinds,),
    "Horror": (scenes.drips, patterns.scratches),
    "IMAX": (patterns.frames,),
    "Musical": (patterns.staves,),
    "Mystery": (emblems.keyhole,),
    "Romance": (emblems.hearts, emblems.kiss),
    "Sci-Fi": (scenes.planet, scenes.rocket),
    "Thriller": (emblems.spiral, scenes.corridor),
    "War": (emblems.chevrons,),
    "Western": (scenes.mesas,),
    NO_GENRE: (patterns.squares,),
}
