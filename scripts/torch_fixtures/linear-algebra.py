"""Sums of products in Einstein's notation, dot and outer products, triangles and diagonals."""

import torch
from record import case, integers, normal, write

equations = [
    ("i->", (5,)),
    ("ij->j", (3, 4)),
    ("ij->ji", (3, 4)),
    ("ba", (3, 4)),
    ("bAa", (2, 3, 4)),
    ("ii", (4, 4)),
    ("ii->i", (4, 4)),
    ("iji->j", (3, 4, 3)),
    ("iij->ji", (3, 3, 2)),
    ("iiii->i", (2, 2, 2, 2)),
    ("...ii->...i", (2, 1, 3, 3)),
    ("i...->...", (4, 2, 3)),
    ("...j->j", (2, 3, 4)),
    ("i,i", (5,), (5,)),
    ("i,i->i", (5,), (5,)),
    ("i,j->ij", (3,), (4,)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,kj->ik", (2, 3), (4, 3)),
    ("ji,jk->ik", (3, 2), (3, 4)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)),
    ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 2, 2, 4)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)),
    ("ij,ij->", (3, 4), (3, 4)),
    ("ij,ij->ij", (1, 3), (2, 3)),
    ("ij,jk->ik", (2, 1), (3, 4)),
    ("i,i", (1,), (3,)),
    ("...ij,...jk->...ik", (2, 1, 3, 2), (2, 2, 3)),
    ("...i,...i", (2, 3), (3, 1, 3)),
    ("i...,i...->...", (3, 2, 4), (3, 4)),
    ("...,...", (2, 3), (3,)),
    (",ij->ji", (), (2, 3)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    ("i,ij,j->", (3,), (3, 4), (4,)),
    ("ij,ik,il->jkl", (3, 2), (3, 4), (3, 2)),
    ("ij,jj,jk->ik", (2, 3), (3, 3), (3, 2)),
    (" i j , j -> i ", (2, 3), (3,)),
    ("ij,jk->ik", (2, 0), (0, 3)),
]
for equation, *shapes in equations:
    inputs = [normal(*shape) for shape in shapes]
    case("einsum", lambda *x, e=equation: torch.einsum(e, *x), *inputs, arguments=[equation])

case("dot", torch.dot, normal(7), normal(7))
case("outer", torch.outer, normal(3), normal(4))
case("outer", torch.outer, integers(-9, 9, 3), integers(-9, 9, 2))

for name, function in {"tril": torch.tril, "triu": torch.triu}.items():
    case(name, function, normal(3, 4))
    for offset in (-5, -1, 2, 9):
        case(name, lambda x, f=function, k=offset: f(x, k), normal(2, 3, 3), arguments=[{"offset": offset}])
    case(name, lambda x, f=function: f(x, 1), integers(0, 9, 4, 3), arguments=[{"offset": 1}])

for offset in (-2, 0, 3):
    case("diag", lambda x, k=offset: torch.diag(x, k), normal(3), arguments=[{"offset": offset}])
for shape, offset in (((3, 5), 0), ((3, 5), 3), ((5, 3), -3), ((5, 3), 1), ((2, 2), 2)):
    case("diag", lambda x, k=offset: torch.diag(x, k), normal(*shape), arguments=[{"offset": offset}])
case("diag", torch.diag, integers(0, 9, 3))
write()
