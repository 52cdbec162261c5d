// The documents stay true: the picture is what the tool draws, the verbs and files they name are there.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { draw } from '../src/notation/draw.ts'
import { parse } from '../src/notation/parse.ts'
import { SETTINGS, TABLES } from '../src/notation/settings.ts'
import { ATTRIBUTES, KEYS } from '../src/system/keys.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

test("the README's picture is drawn from the demo's description", () => {
  const drawn = draw(parse(read('src/system/demo.borderpost')).model)
  assert.equal(
    drawn,
    read('docs/pictures/demo.svg'),
    'npx borderpost draw src/system/demo.borderpost -o docs/pictures/demo.svg',
  )
})

test('every verb that the README names exists', () => {
  const help = execFileSync(process.execPath, [join(ROOT, 'bin', 'borderpost.js'), '--help'], { encoding: 'utf8' })
  const verbs = [...read('README.md').matchAll(/npx borderpost (\w+)/g)].map(([, verb]) => verb!)
  assert.ok(verbs.length >= 6)
  for (const verb of verbs) assert.match(help, new RegExp(`^  ${verb}\\b`, 'm'), verb)
})

test('every file that the documents name is there', () => {
  for (const document of ['README.md', 'docs/architecture.md', 'docs/progress.md', 'docs/hostile.md']) {
    const named = [
      ...read(document).matchAll(
        /`((?:src|test|docs|bench|web|roles|store|protocols|system|identity|notation|lab|cli|filter|world|message)\/[\w./-]+\.\w+)`/g,
      ),
    ]
    for (const [, path] of named)
      assert.ok(existsSync(join(ROOT, path!)) || existsSync(join(ROOT, 'src', path!)), `${document} names ${path}`)
  }
})

test('docs/attributes.md tells every attribute of a description, and no others', () => {
  const [, agent, contract, person] = read('docs/attributes.md').split(/^## /m)
  const told = (section: string) =>
    section
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => [...line.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
  assert.deepEqual(told(agent!).sort(), [...ATTRIBUTES.agent].sort())
  assert.deepEqual(told(contract!).sort(), [...ATTRIBUTES.contract].sort())
  assert.deepEqual(told(person!).sort(), [...ATTRIBUTES.person].sort())
})

test('what editors say of a setting is what docs/attributes.md says, and the words they offer are those that are taken', () => {
  const [, agent, contract, person] = read('docs/attributes.md').split(/^## /m)
  const rows = (section: string) =>
    section
      .split('\n')
      .filter((line) => /^\| [`*]/.test(line))
      .map((line) =>
        line
          .replace(/^\| |[ |]*\|$/g, '')
          .replaceAll('`', '')
          .replace(/^\*\*(.*)\*\*.*$/, '* $1'),
      )
  const told = Object.entries({ agent, contract, person }).map(([about, section]) => [about, rows(section!)])
  const kept = Object.entries(TABLES).map(([about, text]) => [about, text.trim().split('\n')])
  assert.deepEqual(Object.fromEntries(kept), Object.fromEntries(told), 'src/notation/settings.ts has the same rows')
  for (const { name, about, words } of SETTINGS) {
    if (name === 'in' || about === 'contract') continue
    const reader = (KEYS[about] as Record<string, (word: string) => { ok: boolean }>)[name]!
    for (const word of words) assert.ok(reader(word).ok, `${name}=${word}`)
    const isYesNo = reader('yes').ok && reader('no').ok && !reader('zzz').ok
    assert.equal(isYesNo, words.includes('yes'), `${name} takes yes and no`)
  }
})

test('every example of docs/notation.md is read without findings of how it is written', () => {
  const examples = read('docs/notation.md').match(/(?:^ {4}.*\n|^\n(?= {4}))+/gm)!
  assert.ok(examples.length >= 4)
  for (const example of examples) {
    const { findings, model } = parse(example.replace(/^ {4}/gm, ''))
    assert.deepEqual(
      findings.map(({ code, message }) => `${code} ${message}`),
      [],
      example,
    )
    assert.ok(model.flows.length > 0)
  }
})
