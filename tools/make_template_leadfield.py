"""Makes `sim/head/data/template.npz`: the leadfield of a head of anatomical shape, between 10-10 sites and the cortex.

    pip install mne nilearn
    python tools/make_template_leadfield.py [--level 4]

Surfaces. The inner skull and the scalp of FreeSurfer's fsaverage come with mne (mne/data/fsaverage), its cortex with
nilearn (fsaverage5, nilearn/datasets/data); nothing is downloaded. No outer skull comes with either: it is put halfway
between inner skull and scalp, at most 7 mm outside the former. Each surface is sampled along the directions of an
icosahedron subdivided ``level`` times (4: 2562 vertices), from the centre of the inner skull, and made symmetrical left
to right, so that only the left half of the sources need be stored.

Solution. Three-layer boundary-element model, linear collocation with isolated-skull approach (mne), .33, .0066 and
.33 S/m: a skull of 1/50. Sources are points half way through the cortex, spread by farthest-point sampling over the
left hemisphere, at least 5 mm inside the inner skull, in three orientations. At level 4 it takes about a minute.

Frame. An affine map carries the head's electrodes as closely as possible onto the ideal spherical 10-10 system of 90 mm
that the simulation's caps live on; sources are mapped with it, orientations are turned by its rotation.
"""

import argparse
import gzip
import tempfile
from pathlib import Path

import mne
import numpy as np
from scipy.spatial.distance import cdist

from neurodrift.sim.head.montage import site_directions

OUT = Path(__file__).parents[1] / "sim/head/data/template.npz"
N_SOURCES = 120  # of the left hemisphere
CONDUCTIVITY = (0.33, 0.0066, 0.33)
RADIUS = 0.09
SKULL, NEAREST = 7e-3, 5e-3  # m: thickest skull, least distance of a source from it
SITES = (
    "Fp1", "Fpz", "Fp2", "AF7", "AF3", "AFz", "AF4", "AF8", "F9", "F7", "F5", "F3", "F1", "Fz", "F2", "F4", "F6", "F8",
    "F10", "FT9", "FT7", "FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6", "FT8", "FT10", "T9", "T7", "C5", "C3", "C1",
    "Cz", "C2", "C4", "C6", "T8", "T10", "TP9", "TP7", "CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6", "TP8", "TP10",
    "P9", "P7", "P5", "P3", "P1", "Pz", "P2", "P4", "P6", "P8", "P10", "PO7", "PO3", "POz", "PO4", "PO8", "O1", "Oz",
    "O2", "Iz",
)  # fmt: skip


def icosphere(level: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, 3) and outward triangles (m, 3)."""
    g = (1 + 5**0.5) / 2
    points = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g)]
    points += [(0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6)]
    faces += [(7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10)]
    faces += [(8, 6, 7), (9, 8, 1)]
    v = np.array(points) / np.sqrt(1 + g * g)
    f = np.array(faces)
    for _ in range(level):
        edges = np.sort(np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]]), axis=1)
        unique, where = np.unique(edges, axis=0, return_inverse=True)
        middle = v[unique].mean(axis=1)
        a, b, c = (len(v) + where.reshape(3, -1)).tolist()
        v = np.concatenate([v, middle / np.linalg.norm(middle, axis=1, keepdims=True)])
        i, j, k = f.T
        f = np.stack([[i, a, c], [j, b, a], [k, c, b], [a, b, c]]).transpose(0, 2, 1).reshape(-1, 3)
    return v, f


def radii(surface: dict, centre: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """(n,) m: how far each ray from the centre goes until it leaves the surface for good."""
    corner = surface["rr"][surface["tris"]] - centre
    first, u, v = corner[:, 0], corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    out = np.zeros(len(rays))
    for i, ray in enumerate(rays):  # Moeller and Trumbore
        across = np.cross(ray, v)
        determinant = np.sum(u * across, axis=1)
        determinant[np.abs(determinant) < 1e-16] = np.nan
        a = -np.sum(first * across, axis=1) / determinant
        q = np.cross(-first, u)
        b = q @ ray / determinant
        distance = np.sum(v * q, axis=1) / determinant
        hit = (a >= -1e-9) & (b >= -1e-9) & (a + b <= 1 + 1e-9) & (distance > 0)
        out[i] = distance[hit].max()
    return out


def symmetrical(values: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Mean of values (n,) along each ray and along its mirror image in the midsagittal plane."""
    mirror = cdist(rays * [-1, 1, 1], rays).argmin(axis=1)
    return 0.5 * (values + values[mirror])


def gifti_points(path: Path) -> np.ndarray:
    """Vertices (n, 3) m of a surface in GIFTI."""
    import nibabel

    image = nibabel.GiftiImage.from_bytes(gzip.decompress(path.read_bytes()))
    return image.agg_data("pointset").astype(float) / 1e3


def cortex() -> np.ndarray:
    """Points (n, 3) m half way through the cortex of the left hemisphere, and of the right mirrored onto it."""
    import nilearn

    folder = Path(nilearn.__file__).parent / "datasets/data/fsaverage5"
    return 0.5 * (gifti_points(folder / "pial_left.gii.gz") + gifti_points(folder / "white_left.gii.gz"))


def spread(points: np.ndarray, n: int) -> np.ndarray:
    """(n,) indices of points far from each other."""
    chosen = [int(points[:, 0].argmin())]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < n:
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(nearest.argmax()))
    return np.array(chosen)


def electrodes() -> np.ndarray:
    """(n_sites, 3) m on fsaverage, symmetrical."""
    table = mne.channels.make_standard_montage("fsaverage_1005").get_positions()["ch_pos"]
    place = np.stack([table[name] for name in SITES])
    mirror = [SITES.index(mirrored(name)) for name in SITES]
    return 0.5 * (place + place[mirror] * [-1, 1, 1])


def mirrored(name: str) -> str:
    """The site on the other side: C3 and C4, TP9 and TP10; the midline on itself."""
    letters = name.rstrip("0123456789")
    number = name[len(letters) :]
    return name if not number else f"{letters}{int(number) + (1 if int(number) % 2 else -1)}"


def solve(level: int) -> dict[str, np.ndarray]:
    folder = Path(mne.__file__).parent / "data/fsaverage"
    inner, head = (
        mne.read_bem_surfaces(folder / f"fsaverage-{name}.fif", verbose="error")[0]
        for name in ("inner_skull-bem", "head")
    )
    centre = inner["rr"].mean(axis=0) * [0, 1, 1]
    rays, tris = icosphere(level)
    r_inner, r_head = (symmetrical(radii(s, centre, rays), rays) for s in (inner, head))
    r_outer = r_inner + np.minimum(0.5 * (r_head - r_inner), SKULL)
    print("scalp and skull, mm:", np.percentile((r_head - r_inner) * 1e3, [0, 5, 50, 95]).round(1))

    surfaces = {
        "inner_skull": centre + rays * r_inner[:, None],
        "outer_skull": centre + rays * r_outer[:, None],
        "outer_skin": centre + rays * r_head[:, None],
    }
    with tempfile.TemporaryDirectory() as subjects:
        bem_folder = Path(subjects) / "template/bem"
        bem_folder.mkdir(parents=True)
        for name, points in surfaces.items():
            mne.write_surface(bem_folder / f"{name}.surf", points * 1e3, tris)
        model = mne.make_bem_model("template", ico=None, conductivity=CONDUCTIVITY, subjects_dir=subjects)
    bem = mne.make_bem_solution(model)

    points = cortex()
    depth = cdist(points, surfaces["inner_skull"]).min(axis=1)
    along = cdist(points - centre, rays, "cosine").argmin(axis=1)
    inside = np.linalg.norm(points - centre, axis=1) < r_inner[along]
    usable = points[(depth > NEAREST) & inside & (points[:, 0] < -2e-3)]
    sources = usable[spread(usable, N_SOURCES)]
    print(f"{len(usable)} of {len(points)} cortical points usable")

    place = electrodes()
    along = cdist(place - centre, rays, "cosine").argmin(axis=1)
    gap = 1e3 * (np.linalg.norm(place - centre, axis=1) - r_head[along])
    print("electrodes above the scalp, mm:", np.percentile(gap, [0, 50, 100]).round(1))
    info = mne.create_info(list(SITES), 250.0, "eeg")
    # head and MRI coordinates are one here: the identity between them
    info.set_montage(mne.channels.make_dig_montage(dict(zip(SITES, place)), coord_frame="head"))
    space = mne.setup_volume_source_space(pos={"rr": sources, "nn": np.tile([0.0, 0, 1], (len(sources), 1))})
    forward = mne.make_forward_solution(
        info, mne.transforms.Transform("head", "mri", np.eye(4)), space, bem, meg=False, mindist=0.0
    )
    assert len(forward["source_rr"]) == len(sources)
    gain = forward["sol"]["data"].reshape(len(SITES), -1, 3)

    ideal = RADIUS * np.stack([site_directions()[name.lower()] for name in SITES])
    design = np.c_[place, np.ones(len(place))]
    solution = np.linalg.lstsq(design, ideal, rcond=None)[0]
    affine, shift = solution[:3].T, solution[3]
    residue = np.sqrt(np.mean(np.sum((design @ solution - ideal) ** 2, axis=1)))
    print(f"electrodes to the ideal sphere, rms: {residue * 1e3:.1f} mm")
    left, _, right = np.linalg.svd(affine)
    rotation = left @ right
    return {
        "sites": np.array(SITES),
        "directions": (ideal / RADIUS).astype(np.float32),
        "sources": (sources @ affine.T + shift).astype(np.float32),
        # a moment m of the mapped frame is rotation.T m of the head
        "gain": (gain @ rotation.T).astype(np.float16),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--level", type=int, default=4)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    mne.set_log_level("error")
    arrays = solve(options.level)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.out, **arrays)
    print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
