import type { DatabaseSync, StatementSync } from 'node:sqlite';

interface Write {
  /** Does it, and gives what tells the caller so. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits together what is written in one turn of the event loop: requests that come at once wait for the disk once, not one after the other.
 * A transaction never lasts beyond its turn, so whoever reads on the same connection sees nothing that is not committed, and other processes
 * wait no longer than for a write of their own.
 */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #waiting: Write[] = [];

  constructor(database: DatabaseSync) {
    this.#database = database;
    // The lock at once, so that what is read cannot change before it is written.
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
  }

  /**
   * Resolves with what `statements` gives, once it is committed. They may read, and write at the end at most once: what throws has written
   * nothing.
   */
  write<T>(statements: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#commitWaiting());
      this.#waiting.push({
        run: () => {
          const result = statements();
          return () => resolve(result);
        },
        reject,
      });
    });
  }

  #commitWaiting(): void {
    const group = this.#waiting;
    this.#waiting = [];
    const acknowledgements: (() => void)[] = [];
    try {
      this.#begin.run();
      for (const { run, reject } of group) {
        try {
          acknowledgements.push(run());
        } catch (error) {
          // Some errors take back all of the transaction: https://www.sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction
          if (!this.#database.isTransaction) throw error;
          reject(error);
        }
      }
      this.#commit.run();
    } catch (error) {
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('ROLLBACK');
      for (const { reject } of group) reject(error);
      return;
    }
    for (const acknowledge of acknowledgements) acknowledge();
  }
}
