import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEntities } from './entities.ts'

test('character references by name and number; what is none stays', () => {
  const cases: [string, string][] = [
    ['caf&eacute; &Eacute;t&eacute; stra&szlig;e &yuml;&nbsp;x', 'café Été straße ÿ x'],
    ['&#8364; &#x20AC; &euro;5 &ndash; &hellip;', '€ € €5 – …'],
    ['a &lt; b &AMP; c &amp;lt; &quot', 'a < b & c &lt; "'],
    ['&nothing; & &; &#xD800; &#0; &#x110000;', '&nothing; & &;      '],
    ['&frac12; &sup2; un&shy;seen', '½ ² unseen'],
  ]
  for (const [written, seen] of cases) assert.equal(decodeEntities(written), seen)
})
