// Settings, moving: bring mail from a file or another server, take all of it along.

import { createResource, createSignal, onCleanup, Show } from 'solid-js'
import type { MovingRun, MovingView } from '../../../src/moving/desk.ts'
import type { Upload } from '../../../src/moving/uploads.ts'
import { request } from '../api.ts'

const PIECE_BYTES = 4 * 1024 * 1024
const LOOK_MS = 1000
const AGAIN_MS = 3000
const MOST_ATTEMPTS = 20
const number = new Intl.NumberFormat()
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const plural = (count: number) => `${number.format(count)} ${count === 1 ? 'message' : 'messages'}`

export function MovingSettings() {
  const [state, { mutate }] = createResource(() => request<MovingView>('GET', '/api/moving').catch(() => undefined))
  const [sent, setSent] = createSignal<number>()
  const [error, setError] = createSignal('')
  let isGone = false
  let isStopped = false

  const timer = setInterval(async () => {
    if (state()?.run?.state !== 'running') return
    const now = await request<MovingView>('GET', '/api/moving').catch(() => undefined)
    if (now !== undefined && !isGone) mutate(now)
  }, LOOK_MS)
  onCleanup(() => {
    isGone = true
    clearInterval(timer)
  })

  async function act(wish: object): Promise<boolean> {
    setError('')
    try {
      mutate(await request<MovingView>('POST', '/api/moving', wish))
      return true
    } catch (failure) {
      setError((failure as Error).message)
      return false
    }
  }

  /** Sends the file from where the server has it; a lost connection is waited for. */
  async function upload(file: File): Promise<void> {
    if (!(await act({ action: 'upload', name: file.name, sizeBytes: file.size }))) return
    isStopped = false
    let received = state()?.upload?.receivedBytes ?? 0
    for (let attempt = 0; received < file.size; ) {
      if (isGone || isStopped) return
      setSent(received / file.size)
      try {
        received = await sendPiece(file, received)
        attempt = 0
      } catch (failure) {
        if (++attempt >= MOST_ATTEMPTS) {
          setError(`${(failure as Error).message} Choose the file again: it goes on from here.`)
          break
        }
        await pause(AGAIN_MS)
      }
    }
    setSent(undefined)
    if (received >= file.size) await act({ action: 'bring' })
  }

  function chosen(event: Event & { currentTarget: HTMLInputElement }): void {
    const [file] = event.currentTarget.files ?? []
    event.currentTarget.value = ''
    if (file !== undefined) void upload(file)
  }

  async function copy(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    const [host, user, password] = ['host', 'user', 'password'].map((name) => String(data.get(name)))
    await act({ action: 'copy', host, user, password })
    ;(form.elements.namedItem('password') as HTMLInputElement).value = ''
  }

  function stopUpload(): void {
    isStopped = true
    setSent(undefined)
    void request<MovingView>('GET', '/api/moving').then(mutate)
  }

  const isRunning = () => state()?.run?.state === 'running'
  const isBusy = () => isRunning() || sent() !== undefined

  return (
    <Show when={state()}>
      {(now) => (
        <>
          <section class="setting" id="moving">
            <h3>Bring my mail</h3>
            <p class="quiet">
              From a file: an mbox, or a zip of mbox files or Maildirs, as other programs export them. Or straight from
              another server, over IMAP. Folders, dates and flags come along. Do it again later, and only what is new
              comes.
            </p>
            <Show when={!isBusy()}>
              <label class="file-choice">
                File of mail
                <input type="file" onChange={chosen} />
              </label>
              <Show when={now().upload}>{(waiting) => <Waiting upload={waiting()} act={act} />}</Show>
              <form class="identity" onSubmit={(event) => void copy(event)}>
                <label>
                  Server
                  <input name="host" required placeholder="imap.old.example" autocomplete="off" maxlength={253} />
                </label>
                <label>
                  Account there
                  <input name="user" required placeholder="you@old.example" autocomplete="off" maxlength={320} />
                </label>
                <label>
                  Password there
                  <input name="password" type="password" required autocomplete="off" maxlength={1000} />
                </label>
                <p class="quiet">
                  The password is known until the copy ends, and kept nowhere. Nothing there is changed.
                </p>
                <button type="submit">Copy from that server</button>
              </form>
            </Show>
            <Show when={sent() !== undefined}>
              <p class="row" role="status">
                <Bar label="Upload" part={sent()} />
                <span>{Math.floor((sent() ?? 0) * 100)} % is there</span>
                <button type="button" onClick={stopUpload}>
                  Stop
                </button>
              </p>
            </Show>
            <Show when={now().run}>{(run) => <Progress run={run()} act={act} />}</Show>
            <p class="error" role="alert">
              {error()}
            </p>
          </section>
          <TakeMail />
        </>
      )}
    </Show>
  )
}

/** How far it is; without `part` nobody knows. */
function Bar(props: { label: string; part: number | undefined }) {
  return (
    <Show when={props.part !== undefined} fallback={<progress aria-label={props.label} />}>
      <progress aria-label={props.label} value={props.part ?? 0} max={1} />
    </Show>
  )
}

function TakeMail() {
  return (
    <section class="setting" id="taking">
      <h3>Take my mail</h3>
      <p class="quiet">
        All of it as one zip. Maildir keeps every message to the byte, with its flags; an mbox file for each folder is
        what most programs read.
      </p>
      <p class="row">
        <a class="button" href="/api/moving/mail.zip?format=mbox" download="mail-mbox.zip">
          Take it as mbox
        </a>
        <a class="button" href="/api/moving/mail.zip?format=maildir" download="mail-maildir.zip">
          Take it as Maildir
        </a>
      </p>
    </section>
  )
}

async function sendPiece(file: File, from: number): Promise<number> {
  const response = await fetch(`/api/moving/upload?offset=${from}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream' },
    body: file.slice(from, from + PIECE_BYTES),
  }).catch(() => undefined)
  if (response === undefined) throw new Error('The server cannot be reached.')
  const answer = (await response.json().catch(() => ({}))) as Partial<Upload> & { error?: string }
  if (!response.ok || answer.receivedBytes === undefined)
    throw new Error(answer.error ?? `The server answered ${response.status}.`)
  return answer.receivedBytes
}

type Act = (wish: object) => Promise<boolean>

/** A file that is here, as a whole or in part. */
function Waiting(props: { upload: Upload; act: Act }) {
  const isWhole = () => props.upload.receivedBytes >= props.upload.sizeBytes
  return (
    <p class="row">
      <span>
        <strong>{props.upload.name}</strong>
        <span class="quiet">
          {isWhole()
            ? ' is here and waits.'
            : ` is here in part (${Math.floor((props.upload.receivedBytes / props.upload.sizeBytes) * 100)} %). Choose it again, and it goes on.`}
        </span>
      </span>
      <Show when={isWhole()}>
        <button type="button" onClick={() => void props.act({ action: 'bring' })}>
          Bring it in
        </button>
      </Show>
      <button type="button" onClick={() => void props.act({ action: 'forget' })}>
        Drop it
      </button>
    </p>
  )
}

const ENDED = { running: '', done: 'It is all here.', stopped: 'Not everything came.', failed: 'It did not work.' }

function Progress(props: { run: MovingRun; act: Act }) {
  const part = () => (props.run.totalBytes ? Math.min(1, props.run.bytes / props.run.totalBytes) : undefined)
  const known = () => (props.run.known > 0 ? `, ${number.format(props.run.known)} had come before` : '')
  return (
    <div class="forward">
      <div class="row" role="status">
        <Show when={props.run.state === 'running'}>
          <Bar label={`Mail from ${props.run.from}`} part={part()} />
        </Show>
        <span>
          <strong>{props.run.from}</strong>: {plural(props.run.brought)} came{known()}
          {props.run.state === 'running' && props.run.mailbox !== '' ? `, ${props.run.mailbox}` : ''}.{' '}
          {ENDED[props.run.state]} {props.run.reason ?? ''}
        </span>
        <Show when={props.run.state === 'running'}>
          <button type="button" onClick={() => void props.act({ action: 'cancel' })}>
            Stop
          </button>
        </Show>
      </div>
      <Show when={props.run.state === 'stopped' || props.run.state === 'failed'}>
        <p class="quiet">What came is kept. Start it again, and it goes on from here.</p>
      </Show>
      <Show when={props.run.notes.length > 0}>
        <details>
          <summary>What did not come as it was</summary>
          <ul>
            {props.run.notes.map((note) => (
              <li>{note}</li>
            ))}
          </ul>
          <Show when={props.run.moreNotes > 0}>
            <p class="quiet">and {number.format(props.run.moreNotes)} more.</p>
          </Show>
        </details>
      </Show>
    </div>
  )
}
