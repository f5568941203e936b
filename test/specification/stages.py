"""Rule 19, staged: owner A stages a transaction T in 2 messages between its own small records, then names it (stage, count) in T's record; it may abandon T and stage U instead.
B may claim at any time (epoch record) and stage and commit V of its own. One message in flight. A storage position moves over records only; trim goes up to it, whole recovery re-reads from the trim.
Modes: ok | novoid (reader keeps A's stage over B's claim) | nocount (the record names no stage: whatever is open counts) | trimstage (trim ignores that a record above the position began below it)"""
from bfs import explore
def model(mode):
    # log of (epoch, kind, tx, n): 'E' claim, 'r' small record, 's' stage message n of tx, 'c' record naming tx
    init = ((), 'T', 0, 0, 0, 0)   # log, A's transaction, A staged so far, B state 0 not claimed / 1 claimed / 2 staged one / 3 staged two / 4 committed, position, trim
    def steps(s):
        log, tx, n, b, pos, trim = s
        small = sum(1 for m in log if m[1] == 'r')
        if b == 0:
            if small < 2: yield 'A small record', (log + (('A', 'r', '', 0),), tx, n, b, pos, trim)
            if tx and n < 2: yield f'A stages {tx}{n}', (log + (('A', 's', tx, n),), tx, n + 1, b, pos, trim)
            if tx and n == 2: yield f'A commits {tx}', (log + (('A', 'c', tx, 2),), '', 0, b, pos, trim)
            if tx == 'T' and n: yield 'A abandons T, begins U', (log, 'U', 0, b, pos, trim)
            yield 'B claims', (log + (('B', 'E', '', 0),), '', 0, 1, pos, trim)
        elif b < 4: yield 'B goes on', (log + ((('B', 's', 'V', b - 1) if b < 3 else ('B', 'c', 'V', 2)),), tx, n, b + 1, pos, trim)
        for p in range(pos + 1, len(log) + 1):
            if log[p - 1][1] in 'rcE': yield f'storage synced {p}', (log, tx, n, b, p, trim)
        first = {}
        bound = pos
        if mode != 'trimstage':
            for i, m in enumerate(log):
                if m[1] == 's' and m[3] == 0: first[m[2]] = i
                if m[1] == 'c' and i >= pos: bound = min(bound, first[m[2]])
            open_ = fold(log, 0)[1]
            if open_ and open_[0][0] in first: bound = min(bound, first[open_[0][0]])
        if bound > trim: yield f'trim to {bound}', (log, tx, n, b, pos, bound)
    def fold(log, start):
        """records a reader from `start` sees: (place, content), and the open stage"""
        out, st = [], []
        for i in range(start, len(log)):
            who, kind, tx, n = log[i]
            if kind == 'E': st = st if mode == 'novoid' else []
            elif kind == 's': st = [(tx, n)] if n == 0 and mode != 'novoid' else st + [(tx, n)]
            elif kind == 'c':
                good = st == [(tx, 0), (tx, 1)] or mode in ('nocount', 'novoid')
                out.append((i, tx, tuple(st) if good else None)); st = []
        return out, st
    def bad(s):
        log, pos, trim = s[0], s[4], s[5]
        for i, tx, content in fold(log, trim)[0]:
            if i >= pos and content != ((tx, 0), (tx, 1)): return f'reader from {trim} at {pos} assembles {tx} of {content}: {log}'
    return init, steps, bad
for m, w in [('ok', 'ok'), ('novoid', 'bad'), ('nocount', 'ok'), ('trimstage', 'bad')]:
    i, st, b = model(m); explore('stages ' + m, i, st, b, w)
