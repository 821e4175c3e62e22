import assert from "node:assert/strict"
import { test } from "node:test"

import { backward, between, count, forward, inPlace, paths, runsOf, scanOrder, type Runs, type Walked } from "../src/walk.ts"
import { way } from "../src/walk-way.ts"

// -- graphs by hand ---------------------------------------------------------------------------------------------------

const list = (reads: Runs, s: number): number[] => {
  const found: number[] = []
  for (let k = reads.offsets[s]!; k < reads.offsets[s + 1]!; k++) for (let i = reads.bounds[2 * k]!; i < reads.bounds[2 * k + 1]!; i++) found.push(reads.order ? reads.order[i]! : i)
  return found
}

/** A causal convolution over n steps: each step reads those at the given distances before it. */
const causal = (n: number, distances: number[]): Runs =>
  runsOf(n, Array.from({ length: n }, (_, t) => distances.map((d) => t - d).filter((i) => i >= 0)))

const chain = (n: number, layers: number[][]): Walked[] => [
  { sites: n, inputs: [], scan: null },
  ...layers.map((d, k) => ({ sites: n, inputs: [{ source: k, reads: causal(n, d) }], scan: null })),
]

/** What each site depends on, site by site and set by set: the slow way that the walks are held to. */
function slowly(nodes: readonly Walked[]): Set<string>[][] {
  const all: Set<string>[][] = []
  nodes.forEach((node, n) => {
    const own = Array.from({ length: node.sites }, (_, s) => new Set([`${n}.${s}`]))
    for (const { source, reads } of node.inputs) own.forEach((set, s) => list(reads, s).forEach((i) => all[source]![i]!.forEach((x) => set.add(x))))
    if (node.scan) {
      for (let again = true; again; ) {
        again = false
        own.forEach((set, s) => {
          const before = set.size
          list(node.scan!, s).forEach((i) => own[i]!.forEach((x) => set.add(x)))
          again ||= set.size > before
        })
      }
    }
    all.push(own)
  })
  return all
}

/** A seeded random graph: windows, prefixes, everything, nothing and scans, and nodes of several sizes. */
function random(seed: number): Walked[] {
  let state = seed * 2654435761 + 1
  const draw = (n: number): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0
    return state % n
  }
  const nodes: Walked[] = [{ sites: 20 + draw(30), inputs: [], scan: null }]
  for (let n = 1; n < 9; n++) {
    const sites = draw(2) ? nodes[n - 1]!.sites : 5 + draw(50)
    const inputs = Array.from({ length: 1 + draw(2) }, () => {
      const source = Math.max(0, n - 1 - draw(3))
      const ins = nodes[source]!.sites
      const kind = draw(4)
      const shuffled = draw(2)
      return {
        source,
        reads: runsOf(ins, Array.from({ length: sites }, (_, s) => {
          if (kind === 0) return s < ins ? [s] : []
          if (kind === 1) return Array.from({ length: ins }, (_, i) => i).slice(0, (s * ins) / sites)
          if (kind === 2) return Array.from({ length: draw(4) }, () => draw(ins))
          return draw(3) ? [] : Array.from({ length: ins }, (_, i) => i)
        }), shuffled && kind ? Uint32Array.from({ length: ins }, (_, i) => ins - 1 - i) : null),
      }
    })
    const back = draw(2)
    const scan = draw(3) ? null : runsOf(sites, Array.from({ length: sites }, (_, s) => (back ? [s + 1, s + 2] : [s - 1, s - 3]).filter((i) => i >= 0 && i < sites)))
    nodes.push({ sites, inputs, scan })
  }
  return nodes
}

// -- what holds -------------------------------------------------------------------------------------------------------

test("a stack of dilated convolutions sees its 8 steps, as WaveNet's figure shows", () => {
  const nodes = chain(16, [[0, 1], [0, 2], [0, 4]])
  const seen = backward(nodes, 3, [12])
  assert.deepEqual([...seen[0]!.keys()].filter((s) => seen[0]![s]), [5, 6, 7, 8, 9, 10, 11, 12])
  assert.deepEqual([...seen[2]!.keys()].filter((s) => seen[2]![s]), [8, 12])
})

test("runs join what follows one another, once", () => {
  const reads = runsOf(9, [[3, 1, 2, 2], [], [8, 0]])
  assert.deepEqual([...reads.offsets], [0, 1, 1, 3])
  assert.deepEqual([...reads.bounds], [1, 4, 0, 1, 8, 9])
})

test("in place is the same number of every site, and nothing else", () => {
  assert.ok(inPlace(causal(5, [0])))
  assert.ok(!inPlace(causal(5, [1])))
  assert.ok(!inPlace(causal(5, [0, 1])))
  assert.ok(!inPlace(runsOf(6, [[0], [1], [2]])))
})

test("a scan is followed to closure, whichever way it runs", () => {
  for (const [own, last, first] of [[causal(30, [1]), 29, 0], [runsOf(30, Array.from({ length: 30 }, (_, s) => (s < 29 ? [s + 1] : []))), 0, 29]] as const) {
    const nodes: Walked[] = [{ sites: 30, inputs: [], scan: null }, { sites: 30, inputs: [{ source: 0, reads: causal(30, [0]) }], scan: own }]
    assert.equal(count(backward(nodes, 1, [last])[0]), 30)
    assert.equal(count(backward(nodes, 1, [first])[0]), 1)
    assert.equal(count(forward(nodes, 0, [first])[1]), 30)
    assert.equal(count(forward(nodes, 0, [last])[1]), 1)
  }
})

test("a circle is no order", () => {
  assert.equal(scanOrder(runsOf(2, [[1], [0]])), null)
})

test("walks both ways find what sets find, on random graphs", () => {
  for (let seed = 1; seed <= 25; seed++) {
    const nodes = random(seed)
    const slow = slowly(nodes)
    const last = nodes.length - 1
    for (let site = 0; site < nodes[last]!.sites; site += 7) {
      const back = backward(nodes, last, [site])
      const counted = paths(nodes, last, site)
      nodes.forEach((node, n) => {
        for (let s = 0; s < node.sites; s++) {
          const expected = slow[last]![site]!.has(`${n}.${s}`)
          assert.equal(Boolean(back[n]?.[s]), expected, `seed ${seed}, node ${n}, site ${s}`)
          assert.equal((counted[n]?.[s] ?? 0) > 0, expected, `paths, seed ${seed}, node ${n}, site ${s}`)
        }
      })
    }
    for (let site = 0; site < nodes[0]!.sites; site += 11) {
      const ahead = forward(nodes, 0, [site])
      nodes.forEach((node, n) => {
        for (let s = 0; s < node.sites; s++) assert.equal(Boolean(ahead[n]?.[s]), slow[n]![s]!.has(`0.${site}`), `seed ${seed}, node ${n}, site ${s}`)
      })
    }
  }
})

test("paths are counted, through long runs and scans too", () => {
  const everything = runsOf(40, Array.from({ length: 40 }, () => Array.from({ length: 40 }, (_, i) => i)))
  const two: Walked[] = [
    { sites: 40, inputs: [], scan: null },
    { sites: 40, inputs: [{ source: 0, reads: everything }], scan: null },
    { sites: 40, inputs: [{ source: 1, reads: everything }, { source: 0, reads: causal(40, [0]) }], scan: null },
  ]
  const found = paths(two, 2, 7)[0]!
  assert.equal(found[7], 41)
  assert.equal(found[8], 40)
  const fibonacci: Walked[] = [{ sites: 10, inputs: [], scan: null }, { sites: 10, inputs: [{ source: 0, reads: causal(10, [0]) }], scan: causal(10, [1, 2]) }]
  assert.deepEqual([...paths(fibonacci, 1, 9)[0]!].reverse(), [1, 1, 2, 3, 5, 8, 13, 21, 34, 55])
})

test("counts stop at 1e300 and stay beside small ones", () => {
  const deep = chain(3, Array.from({ length: 1100 }, () => [0]))
  const wide: Walked[] = deep.map((node, n) => (n ? { ...node, inputs: [...node.inputs, ...node.inputs] } : node))
  assert.equal(paths(wide, 1100, 1)[0]![1], 1e300)
  assert.equal(paths(wide, 1100, 1)[0]![0], 0)
})

test("a way is a shortest one, and each step of it reads the one before", () => {
  for (let seed = 1; seed <= 25; seed++) {
    const nodes = random(seed)
    const last = nodes.length - 1
    const slow = slowly(nodes)
    for (let site = 0; site < nodes[last]!.sites; site += 5) {
      for (let from = 0; from < nodes[0]!.sites; from += 6) {
        const found = way(nodes, { node: 0, site: from }, { node: last, site })
        assert.equal(found !== null, slow[last]![site]!.has(`0.${from}`))
        if (!found) continue
        assert.deepEqual(found[0], { node: 0, site: from })
        assert.deepEqual(found.at(-1), { node: last, site })
        for (let k = 1; k < found.length; k++) {
          const [a, b] = [found[k - 1]!, found[k]!]
          const node = nodes[b.node]!
          const reads = node.inputs.some((e) => e.source === a.node && list(e.reads, b.site).includes(a.site))
          const own = node.scan !== null && a.node === b.node && list(node.scan, b.site).includes(a.site)
          assert.ok(reads || own, `seed ${seed}: a step that is not read`)
        }
      }
    }
  }
  const short: Walked[] = [...chain(5, [[0], [0], [0]]), { sites: 5, inputs: [{ source: 3, reads: causal(5, [0]) }, { source: 1, reads: causal(5, [0]) }], scan: null }]
  assert.equal(way(short, { node: 0, site: 2 }, { node: 4, site: 2 })!.length, 3)
})

test("what lies between is what depends on the one and leads to the other", () => {
  const nodes = chain(16, [[0, 1], [0, 2], [0, 4]])
  const found = between(forward(nodes, 0, [9]), backward(nodes, 3, [12]))
  assert.deepEqual(found.map((m) => [...(m ?? [])].flatMap((x, s) => (x ? [s] : []))), [[9], [10], [12], [12]])
  assert.ok(between(forward(nodes, 0, [2]), backward(nodes, 3, [12])).every((m) => m === null))
})

test("700 nodes and 3,072 variables: work grows with runs, not with pairs", () => {
  // attention in all nodes: 4.7 million pairs a node, 3,072 runs a node. Counted are the runs that a walk may touch.
  const n = 3072
  const offsets = Uint32Array.from({ length: n + 1 }, (_, s) => s)
  const bounds = Uint32Array.from({ length: 2 * n }, (_, k) => (k & 1 ? (k >> 1) + 1 : 0))
  let touched = 0
  const counting = new Proxy(bounds, { get: (of, key) => (typeof key === "string" && /^\d+$/.test(key) && touched++, Reflect.get(of, key)) })
  const reads: Runs = { outSites: n, inSites: n, offsets, bounds: counting, order: null }
  const nodes: Walked[] = Array.from({ length: 6 }, (_, k) => ({ sites: n, inputs: k ? [{ source: k - 1, reads }] : [], scan: null }))
  assert.equal(count(backward(nodes, 5, [n - 1])[0]), n)
  assert.equal(count(forward(nodes, 0, [0])[5]), n)
  assert.equal(way(nodes, { node: 0, site: 0 }, { node: 5, site: n - 1 })!.length, 6)
  assert.ok(touched < 100 * n, `${touched} looks at bounds`)
})
