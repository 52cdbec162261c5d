// A patch of an object, member by member (RFC 8620 §5.3): each path is a JSON Pointer without its first '/', null removes.

import { isObject } from './arguments.ts'
import type { Json } from './types.ts'

const MAX_DEPTH = 20

/** The object with the patch applied, or the paths that cannot be. The object itself is left as it is. */
export function patched(object: Json, patch: Json): { readonly value: Json } | { readonly bad: string[] } {
  const value = structuredClone(object)
  const paths = Object.keys(patch)
  const bad = paths.filter((path) => paths.some((other) => other !== path && path.startsWith(`${other}/`)))
  if (bad.length > 0) return { bad }
  for (const path of paths) {
    const tokens = path.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = tokens.pop()!
    let parent: unknown = value
    // What leads to the member must be there already, and be no list.
    for (const token of tokens) parent = isObject(parent) && Object.hasOwn(parent, token) ? parent[token] : undefined
    if (!isObject(parent) || tokens.length > MAX_DEPTH || last === '__proto__') bad.push(path)
    else if (patch[path] === null) delete parent[last]
    else parent[last] = patch[path]
  }
  return bad.length > 0 ? { bad } : { value }
}
