// Does a value have the form that a description demands: as much of JSON Schema as the API's own description uses.

import type { Loose } from '../protocols/jmap/testing.ts'

type Schema = Readonly<Record<string, Loose>>

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
}

/** What is wrong with it, with its place; empty: nothing. */
export function against(root: Schema, schema: Schema, value: unknown, at = ''): string[] {
  if (schema.$ref !== undefined) {
    const target = String(schema.$ref)
      .slice(2)
      .split('/')
      .reduce<Loose>((node, name) => node?.[name], root)
    return target === undefined ? [`${schema.$ref} is nowhere`] : against(root, target, value, at)
  }
  if (schema.oneOf !== undefined) {
    const fits = schema.oneOf.filter((one: Schema) => against(root, one, value, at).length === 0)
    return fits.length === 1
      ? []
      : [`${at} fits ${fits.length} of ${schema.oneOf.length} forms: ${JSON.stringify(value)}`]
  }
  if (schema.enum !== undefined) return schema.enum.includes(value) ? [] : [`${at} is ${JSON.stringify(value)}`]
  const types = [schema.type ?? []].flat() as string[]
  if (types.length > 0 && !types.some((type) => TYPES[type]!(value)))
    return [`${at} is no ${types}: ${JSON.stringify(value)}`]
  if (Array.isArray(value))
    return value.flatMap((one, index) => against(root, schema.items ?? {}, one, `${at}/${index}`))
  if (!TYPES.object!(value)) return []
  const fields = Object.entries(value as object)
  const missing = ((schema.required ?? []) as string[]).filter((name) => !Object.hasOwn(value as object, name))
  return [
    ...missing.map((name) => `${at}/${name} is missing`),
    ...fields.flatMap(([name, one]) => {
      const known = schema.properties?.[name] ?? schema.additionalProperties
      if (known === false) return [`${at}/${name} is not described`]
      return typeof known === 'object' ? against(root, known, one, `${at}/${name}`) : []
    }),
  ]
}
