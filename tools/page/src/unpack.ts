// Facts as arspec packs them (arspec/exploring/packing.py), and back: base64, deflate, JSON, then a block of arrays.
import type { Arr, Facts, RelationId } from "./facts";

/** A relation, unfolded: site s reads the runs i from offsets[s] to before offsets[s + 1], each from starts[i] to before
 * stops[i]; of places in `order` where there is one. */
export interface Relation {
  outSites: number;
  inSites: number;
  offsets: Int32Array;
  starts: Int32Array;
  stops: Int32Array;
  order: Int32Array | null;
}

/** Facts, and their arrays and relations, each unfolded when it is first asked for. */
export class Unpacked {
  readonly #arrays = new Map<Arr, Int32Array>();
  readonly #relations = new Map<RelationId, Relation>();

  constructor(
    readonly facts: Facts,
    private readonly block: Uint8Array,
  ) {}

  /** An array; not to be written to. */
  array(number: Arr): Int32Array {
    let found = this.#arrays.get(number);
    if (found === undefined) {
      found = this.#unfold(number);
      this.#arrays.set(number, found);
    }
    return found;
  }

  #unfold(number: Arr): Int32Array {
    const shape = this.facts.arrays[number];
    if (shape === undefined) throw new RangeError(`there is no array ${number}`);
    const view = new DataView(this.block.buffer, this.block.byteOffset + shape.at);
    const out = new Int32Array(shape.length);
    let before = 0;
    for (let k = 0; k < out.length; k++) {
      const value =
        shape.type === "i8" ? view.getInt8(k) : shape.type === "i16" ? view.getInt16(2 * k, true) : view.getInt32(4 * k, true);
      before = shape.delta ? before + value : value;
      out[k] = before;
    }
    return out;
  }

  /** A relation; not to be written to. */
  relation(id: RelationId): Relation {
    let found = this.#relations.get(id);
    if (found === undefined) {
      found = this.#unfoldRelation(id);
      this.#relations.set(id, found);
    }
    return found;
  }

  #unfoldRelation(id: RelationId): Relation {
    const shape = this.facts.relations[id];
    if (shape === undefined) throw new RangeError(`there is no relation ${id}`);
    const counts = this.array(shape.counts);
    const offsets = new Int32Array(shape.outSites + 1);
    for (let s = 0; s < shape.outSites; s++) offsets[s + 1] = offsets[s]! + counts[s]!;
    const starts = Int32Array.from(this.array(shape.starts));
    const stops = Int32Array.from(this.array(shape.lengths));
    for (let s = 1; s < shape.outSites; s++) {
      const here = offsets[s]!;
      const above = offsets[s - 1]!;
      const shared = Math.min(here - above, offsets[s + 1]! - here);
      for (let k = 0; k < shared; k++) {
        starts[here + k]! += starts[above + k]!;
        stops[here + k]! += stops[above + k]!;
      }
    }
    for (let i = 0; i < starts.length; i++) stops[i]! += starts[i]!; // they were lengths
    const order = shape.order === null ? null : this.array(shape.order);
    return { outSites: shape.outSites, inSites: shape.inSites, offsets, starts, stops, order };
  }
}

/** Calls `visit` with every input site that a site reads. */
export function eachRead(relation: Relation, site: number, visit: (input: number) => void): void {
  const end = relation.offsets[site + 1]!;
  for (let i = relation.offsets[site]!; i < end; i++) {
    for (let at = relation.starts[i]!; at < relation.stops[i]!; at++) {
      visit(relation.order === null ? at : relation.order[at]!);
    }
  }
}

/** The facts that a page holds as text in base64. */
export async function unpack(text: string): Promise<Unpacked> {
  const packed = Uint8Array.from(atob(text.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const end = 4 + new DataView(bytes.buffer).getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(bytes.subarray(4, end))) as Facts;
  return new Unpacked(facts, bytes.subarray(end));
}
