// The house's two rules about imports (docs/architecture.md): floors import downwards only, and input and output go
// through src/world/. Read from the sources themselves.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

/** From the roof to the ground. A floor may import itself and the floors after it. */
const FLOORS = [
  'cli',
  'web',
  'lab',
  'system',
  'roles',
  'identity',
  'filter',
  'moving',
  'protocols',
  'store',
  'message',
  'notation',
  'world',
]
const IO =
  /^(node:)?(net|tls|dns|dgram|http|https|fs|fs\/promises|sqlite|timers|timers\/promises|worker_threads|child_process)$/
/** Rooms that may touch the machine: the world itself, and the command with its files and terminal. */
const MAY_DO_IO = ['world', 'cli']

interface Import {
  readonly file: string
  readonly floor: string
  readonly to: string
}

function imports(): Import[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  )
  return files.flatMap((file) => {
    const text = readFileSync(join(SRC, file), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
    const found = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)'([^'\n]+)'/g)
    return [...found].map(([, to]) => ({ file, floor: file.split('/')[0]!, to: to! }))
  })
}

test('every import goes down or stays on its floor', () => {
  const all = imports()
  assert.ok(all.length > 300, `only ${all.length} imports were found: the reader of this test is broken`)
  const wrong = all.flatMap(({ file, floor, to }) => {
    if (!to.startsWith('.')) return []
    const target = relative(SRC, join(SRC, dirname(file), to)).split('/')[0]!
    if (!FLOORS.includes(target)) return [`${file} imports ${to}, which is on no floor`]
    return FLOORS.indexOf(target) < FLOORS.indexOf(floor)
      ? [`${file} (${floor}) imports ${to} (${target}): upwards`]
      : []
  })
  assert.deepEqual(wrong, [])
})

test('input and output go through src/world/', () => {
  const wrong = imports().filter(({ floor, to }) => IO.test(to) && !MAY_DO_IO.includes(floor))
  assert.deepEqual(
    wrong.map(({ file, to }) => `${file} imports ${to}`),
    [],
  )
})

test('no file but those of src/world/ asks for the time, chance or a timer', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !MAY_DO_IO.includes(name.split('/')[0]!),
  )
  const wrong = files.flatMap((file) => {
    const text = readFileSync(join(SRC, file), 'utf8').replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, '')
    const found =
      /\b(Date\.now\(|new Date\(\)|Math\.random\(|randomBytes\(|randomUUID\(|randomInt\(|setTimeout\(|setInterval\(|setImmediate\(|performance\.now\(|process\.hrtime)/.exec(
        text,
      )
    return found === null ? [] : [`${file}: ${found[1]}`]
  })
  assert.deepEqual(wrong, [])
})
