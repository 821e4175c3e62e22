// A small object of facts for the tests of the graph: two sources, a block that is repeated three times, a sum.

import type { ClusterFacts, Facts, MemberNode, NodeFacts } from "../src/facts.ts"

const fold = (name: string): string => name.replace(/\.\d+(?=\.|$)/g, ".*")

export function node(name: string, inputs: number[], cluster: number | null = null, more: Partial<NodeFacts> = {}): NodeFacts {
  return {
    name, short: name.split(".").at(-1) ?? name, kind: "conv", family: "convolution", text: "3×3", doc: "A convolution.", role: "layer",
    inputs: inputs.map((n) => ({ port: "from", node: n })), inside: null, fold: fold(name), cluster, grid: [4, 4], groups: 1, channels: 2, sites: 16,
    frame: { kind: "cells", origin: [0, 0], stride: [1, 1], at: null }, place: null, keys: {}, mask: null, tied: null, parameters: 10, weights: [], live: true, ...more,
  }
}

function cluster(name: string, repetition: number | null, repetitions: number, parent: number | null): ClusterFacts {
  return { name, short: name.split(".").at(-1) ?? name, block: "layer", repetition, repetitions, count: 1, parent, fold: fold(name), place: null }
}

const strict = (word: MemberNode["strict"]): MemberNode => ({ reads: [], scan: null, known: null, strict: word, boundary: false, first: null, last: null, context: null })

/** x → first → body (×3: a → b, with b reading the box's input too) → sum of every b. */
export function small(): Facts {
  const nodes = [node("x", [], null, { role: "data", kind: "data", family: "data", text: "" }), node("first", [0])]
  const clusters: ClusterFacts[] = []
  let before = 1
  const outs: number[] = []
  for (let k = 0; k < 3; k++) {
    clusters.push(cluster(`body.${k}`, k, 3, null))
    nodes.push(node(`body.${k}.a`, [before], k, { mask: "earlier" }), node(`body.${k}.b`, [nodes.length, before], k, { kind: "add", text: "" }))
    before = nodes.length - 1
    outs.push(before)
  }
  nodes.push(node("sum", outs, null, { kind: "add" }))
  return {
    version: 1, kind: "spec", title: "small", about: "", notes: [],
    verdict: { state: "proven", words: [], coverage: 1, pairs: 120, unseen: 0, blind: 0, outOfReach: 0, leaks: 0, exact: true, parameters: 80, nodes: nodes.length, sayings: [] },
    sources: [], data: { kind: "image", grid: [4, 4], axes: ["row", "column"], groups: 1, groupNames: [], parts: [], channels: 1, positions: 16, variables: 16, levels: 2, display: null, content: "", symbols: null },
    nodes, clusters, heads: [{ name: "head", node: nodes.length - 1, kind: "categorical", title: "2 levels", ahead: 0, beyond: 0 }],
    members: [{ name: "raster", rank: 0, place: 0, time: 0, steps: 16, proven: true, leaking: 0, leaks: [], nodes: nodes.map((_, k) => strict(k < 2 ? "inclusive" : "strict")), contexts: null, schedule: null }],
    relations: [], arrays: [], model: null, audit: null,
  }
}
