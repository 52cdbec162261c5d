// The documents stay true: the picture is what the tool draws, the verbs and files they name are there.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
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
  const list = /npx borderpost …\n((?: {6}.*\n|\n)+)/.exec(read('README.md'))![1]!
  const verbs = [...list.matchAll(/^ {6}([a-z]+(?:, [a-z]+)*)/gm)].flatMap(([, names]) => names!.split(', '))
  assert.ok(verbs.length > 20)
  for (const verb of verbs) assert.match(help, new RegExp(`^  ${verb}\\b`, 'm'), verb)
  for (const [, verb] of help.matchAll(/^ {2}([a-z]+) [^ ]/gm))
    if (verb !== 'help') assert.ok(verbs.includes(verb!), `${verb} is not in README.md`)
})

/** Files of the project, and what may be left out in front of a name where the text says which room it speaks of. */
const FILES = ['src', 'test', 'docs', 'bench', 'fuzz', 'editors', 'web/src', 'gallery', 'experiments'].flatMap(
  (folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
)
const isThere = (name: string) => FILES.some((file) => file === name || file.endsWith(`/${name}`))
const isFolder = (name: string) => FILES.some((file) => file.startsWith(name) || file.includes(`/${name}`))

test('every file and folder of the code that the documents name is there', () => {
  const documents = ['README.md', ...FILES.filter((file) => /^docs\/\w+\.md$/.test(file))]
  assert.ok(documents.length > 15)
  for (const document of documents) {
    const text = read(document)
    for (const [, name] of text.matchAll(/`([\w./-]+\.(?:tsx?|md|borderpost|svg))`/g))
      assert.ok(isThere(name!), `${document} names ${name}`)
    for (const [, name] of text.matchAll(
      /`((?:src|test|docs|bench|web|roles|protocols|system|identity|notation)\/[\w./-]*\/)`/g,
    ))
      assert.ok(isFolder(name!), `${document} names ${name}`)
  }
})

test('every file that a comment names is there', () => {
  let named = 0
  for (const file of FILES.filter((one) => /^(src|web|test|bench|fuzz)\/.*\.tsx?$/.test(one)))
    for (const [comment] of read(file).matchAll(/(?:^|\s)(?:\/\/|\/?\*).*$/gm))
      for (const [, name] of comment.matchAll(/(?<![\w./-])([\w-]+(?:\/[\w.-]+)*\.tsx?)\b/g)) {
        named++
        assert.ok(isThere(name!), `${file} names ${name}`)
      }
  assert.ok(named > 100, `only ${named} were found: the reader of this test is broken`)
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
