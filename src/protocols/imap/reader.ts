// From bytes to whole commands (RFC 3501 §2.2.1, §4.3; LITERAL+ RFC 7888; literal8 RFC 3516): lines that end in CRLF,
// and the literals they announce. Incremental: any split of the input gives the same commands. Memory is bounded:
// a line by MAX_LINE_BYTES, literals by what the session allows before one byte of them is asked for.

const LF = 10
const CR = 13

/** A command line without its literals (RFC 7162 §4 asks for at least 8,192). */
export const MAX_LINE_BYTES = 65_536
/** More than this without a line end, or a refused literal longer than this: we hang up. */
const MAX_SKIPPED_BYTES = 1_048_576
const MAX_SKIPPED_LITERAL_BYTES = 268_435_456
const MAX_LITERALS = 1_000
const EMPTY = Buffer.alloc(0)

/** One command as it came: line, literal, line, literal, …, line. Each line but the last ends in '{n}'. */
export interface RawCommand {
  readonly lines: readonly Buffer[]
  readonly literals: readonly Buffer[]
}

export type ReaderEvent =
  | { readonly kind: 'command'; readonly command: RawCommand }
  /** A synchronising literal was announced and fits: say '+'. */
  | { readonly kind: 'continue' }
  /** `line` is the command's beginning (for its tag). 'too-big' is about a literal, the others about the line. */
  | { readonly kind: 'refused'; readonly line: Buffer; readonly reason: 'too-big' | 'too-long' | 'bare-line-feed' }
  /** Nothing can be understood any more. */
  | { readonly kind: 'fatal'; readonly text: string }

/** How many bytes the literals of this command may have together; `line` is the command's first line. */
export type LiteralLimit = (line: Buffer) => number

export class CommandReader {
  readonly #literalLimit: LiteralLimit
  /** Unread bytes, in order. */
  #pending: Buffer[] = []
  #pendingBytes = 0
  /** How far of #pending was searched for a line end. */
  #searchedBytes = 0
  #lines: Buffer[] = []
  #literals: Buffer[] = []
  #lineBytes = 0
  #literalBytes = 0
  /** The literal under way: bytes missing. */
  #missing = 0
  #literal = EMPTY
  #filledBytes = 0
  /** Why the command under way will be refused: the rest of its line is passed over. */
  #refusal: 'too-big' | 'too-long' | undefined
  /** Bytes of a refused non-synchronising literal to pass over. */
  #skipBytes = 0
  /** Bytes of the line under way that were passed over. */
  #skippedBytes = 0

  constructor(literalLimit: LiteralLimit) {
    this.#literalLimit = literalLimit
  }

  /** Takes bytes from the client. The chunk must not be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    // One-byte segments must not cost a search of the whole list each.
    if (this.#pending.length > 64) this.#pending = [Buffer.concat(this.#pending)]
    this.#pending.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
    this.#pendingBytes += chunk.length
  }

  /** Forgets everything that was not read: at STARTTLS (RFC 3501 §6.2.1). */
  discard(): void {
    this.#pending = []
    this.#pendingBytes = 0
    this.#searchedBytes = 0
    this.#reset()
  }

  /** Unread bytes held. */
  get bufferedBytes(): number {
    return this.#pendingBytes
  }

  /** The next event, or undefined when more bytes are needed. */
  next(): ReaderEvent | undefined {
    for (;;) {
      if (this.#skipBytes > 0) {
        const available = Math.min(this.#skipBytes, this.#pendingBytes)
        this.#take(available)
        this.#skipBytes -= available
        if (this.#skipBytes > 0) return undefined
      }
      if (this.#missing > 0) {
        if (!this.#fillLiteral()) return undefined
        continue
      }
      const line = this.#takeLine()
      if (line === undefined || !Buffer.isBuffer(line)) return line
      const event = this.#lineEnded(line)
      if (event) return event
    }
  }

  /** One line that is not a command (a SASL response, DONE), without its CRLF. */
  nextLine(): Buffer | undefined | 'bad' {
    const line = this.#takeLine()
    if (line === undefined) return undefined
    if (this.#refusal !== undefined || !Buffer.isBuffer(line)) {
      this.#reset()
      return 'bad'
    }
    return line.length >= 2 && line[line.length - 2] === CR ? line.subarray(0, -2) : 'bad'
  }

  /** A whole line with its line end; undefined when there is none yet. */
  #takeLine(): Buffer | ReaderEvent | undefined {
    const at = this.#findLineFeed()
    if (at < 0) {
      if (this.#pendingBytes + this.#skippedBytes > MAX_SKIPPED_BYTES) return { kind: 'fatal', text: 'line too long' }
      if (this.#pendingBytes + this.#lineBytes > MAX_LINE_BYTES) this.#dropTooLong()
      return undefined
    }
    if (at + this.#skippedBytes > MAX_SKIPPED_BYTES) return { kind: 'fatal', text: 'line too long' }
    const parts = this.#take(at + 1)
    this.#searchedBytes = 0
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  /** Keeps the beginning of a line that is too long (its tag), and passes over the rest as it comes. */
  #dropTooLong(): void {
    if (this.#lines.length === 0) this.#lines.push(Buffer.concat(this.#pending))
    this.#refusal ??= 'too-long'
    this.#skippedBytes += this.#pendingBytes
    this.#pending = []
    this.#pendingBytes = 0
    this.#searchedBytes = 0
  }

  #lineEnded(line: Buffer): ReaderEvent | undefined {
    if (this.#refusal !== undefined) {
      const more = this.#skippedBytes === 0 ? announcedLiteral(line.subarray(0, -2)) : undefined
      this.#skippedBytes = 0
      if (more === undefined || more.synchronising) return this.#refuse(line, this.#refusal)
      return this.#skipLiteral(more.sizeBytes)
    }
    if (this.#lineBytes + line.length > MAX_LINE_BYTES) return this.#refuse(line, 'too-long')
    if (line.length < 2 || line[line.length - 2] !== CR) return this.#refuse(line, 'bare-line-feed')
    const content = line.subarray(0, -2)
    this.#lines.push(content)
    this.#lineBytes += line.length
    const literal = announcedLiteral(content)
    if (literal === undefined) {
      const command = { lines: this.#lines, literals: this.#literals }
      this.#reset()
      return { kind: 'command', command }
    }
    const limit = this.#literalLimit(this.#lines[0]!)
    const fits = this.#literalBytes + literal.sizeBytes <= limit && this.#literals.length < MAX_LITERALS
    if (!fits) {
      // RFC 7888 §4: refusing a synchronising literal is the tagged answer itself; a non-synchronising one comes anyway.
      if (literal.synchronising) return this.#refuse(this.#lines[0]!, 'too-big')
      this.#refusal = 'too-big'
      return this.#skipLiteral(literal.sizeBytes)
    }
    this.#literalBytes += literal.sizeBytes
    this.#missing = literal.sizeBytes
    if (literal.sizeBytes === 0) this.#literals.push(EMPTY)
    return literal.synchronising ? { kind: 'continue' } : undefined
  }

  #skipLiteral(sizeBytes: number): ReaderEvent | undefined {
    // To wait until so much has come by would cost more than a new connection.
    if (sizeBytes > MAX_SKIPPED_LITERAL_BYTES) return { kind: 'fatal', text: 'literal too big' }
    this.#skipBytes = sizeBytes
    return undefined
  }

  #refuse(line: Buffer, reason: 'too-big' | 'too-long' | 'bare-line-feed'): ReaderEvent {
    const first = Buffer.from((this.#lines[0] ?? line).subarray(0, 128))
    this.#reset()
    return { kind: 'refused', line: first, reason }
  }

  /** The buffer grows with what has really come: an announcement alone costs nothing. */
  #fillLiteral(): boolean {
    const available = Math.min(this.#missing, this.#pendingBytes)
    const wanted = this.#filledBytes + available
    if (wanted > this.#literal.length) {
      const total = this.#filledBytes + this.#missing
      const grown = Buffer.allocUnsafeSlow(Math.min(total, Math.max(wanted, 2 * this.#literal.length, 4096)))
      this.#literal.copy(grown, 0, 0, this.#filledBytes)
      this.#literal = grown
    }
    for (const part of this.#take(available)) {
      part.copy(this.#literal, this.#filledBytes)
      this.#filledBytes += part.length
    }
    this.#missing -= available
    if (this.#missing > 0) return false
    this.#literals.push(this.#literal.subarray(0, this.#filledBytes))
    this.#literal = EMPTY
    this.#filledBytes = 0
    return true
  }

  #reset(): void {
    this.#lines = []
    this.#literals = []
    this.#literal = EMPTY
    this.#filledBytes = 0
    this.#lineBytes = 0
    this.#literalBytes = 0
    this.#missing = 0
    this.#refusal = undefined
    this.#skipBytes = 0
    this.#skippedBytes = 0
  }

  /** Offset of the first LF in what is pending, or -1; bytes once searched are not searched again. */
  #findLineFeed(): number {
    let offset = 0
    for (const part of this.#pending) {
      if (offset + part.length > this.#searchedBytes) {
        const at = part.indexOf(LF, Math.max(0, this.#searchedBytes - offset))
        if (at >= 0) return offset + at
      }
      offset += part.length
    }
    this.#searchedBytes = offset
    return -1
  }

  /** Takes `length` bytes off the front. */
  #take(length: number): Buffer[] {
    const taken: Buffer[] = []
    let left = length
    while (left > 0) {
      const part = this.#pending[0]!
      if (part.length <= left) {
        taken.push(part)
        this.#pending.shift()
        left -= part.length
      } else {
        taken.push(part.subarray(0, left))
        this.#pending[0] = part.subarray(left)
        left = 0
      }
    }
    this.#pendingBytes -= length
    if (length > 0) this.#searchedBytes = 0
    return taken
  }
}

/** '{5}', '{5+}' or '~{5}' at the end of a line. */
function announcedLiteral(line: Buffer): { sizeBytes: number; synchronising: boolean } | undefined {
  if (line[line.length - 1] !== 125) return undefined // '}'
  const match = /\{(\d{1,20})(\+?)\}$/.exec(line.toString('latin1', Math.max(0, line.length - 24)))
  return match === null ? undefined : { sizeBytes: Number(match[1]), synchronising: match[2] === '' }
}
