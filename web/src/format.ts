// How times, names and sizes are shown.

import type { Address } from './jmap.ts'

const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const YEAR = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' })
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' })
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })

export function shortDate(date: string, now = new Date()): string {
  const then = new Date(date)
  if (then.toDateString() === now.toDateString()) return TIME.format(then)
  return then.getFullYear() === now.getFullYear() ? DAY.format(then) : YEAR.format(then)
}

export const fullDate = (date: string): string => FULL.format(new Date(date))
export const clockTime = (ms: number): string => CLOCK.format(new Date(ms))

const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' })
export const dateTime = (ms: number): string => DAY_AND_TIME.format(new Date(ms))

export const plural = (count: number, one: string, more = `${one}s`): string =>
  `${count.toLocaleString()} ${count === 1 ? one : more}`

export const nameOf = (address: Address | undefined): string => address?.name || address?.email || '(unknown)'
export const firstName = (address: Address): string =>
  address.name ? address.name.split(' ')[0]! : address.email.split('@')[0]!

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB']
  let value = bytes / 1000
  let unit = 0
  while (value >= 1000 && unit < 2) {
    value /= 1000
    unit++
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** One of eight hues for a person, always the same. */
export function hueOf(text: string): number {
  let hash = 0
  for (const char of text.toLowerCase()) hash = (hash * 31 + char.codePointAt(0)!) >>> 0
  return (hash % 8) * 45 + 10
}

export const initialOf = (address: Address | undefined): string =>
  (nameOf(address).match(/[\p{L}\p{N}]/u)?.[0] ?? '?').toUpperCase()

/** Writes an address as people do in a To field. */
export function writeAddress({ name, email }: Address): string {
  if (!name) return email
  return /^[\p{L}\p{N} .'-]+$/u.test(name) ? `${name} <${email}>` : `"${name.replace(/["\\]/g, '\\$&')}" <${email}>`
}

/** Reads a To field: addresses parted by commas or semicolons, outside quotes. */
export function readAddresses(text: string): Address[] {
  const pieces = text.match(/(?:"(?:[^"\\]|\\.)*"|[^,;"])+/g) ?? []
  return pieces
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '')
    .map((piece) => {
      const match = /^(.*)<([^<>]*)>$/s.exec(piece)
      if (!match) return { name: null, email: piece }
      const name = match[1]!
        .trim()
        .replace(/^"(.*)"$/s, '$1')
        .replace(/\\(.)/g, '$1')
      return { name: name || null, email: match[2]!.trim() }
    })
}

export const looksLikeAddress = (email: string): boolean => /^[^\s@]+@[^\s@]+$/.test(email)
