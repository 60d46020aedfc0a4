import type { ErrorCodes } from './to-port-error.ts';

/**
 * DynamoDB's own failures of the item operations we make
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html).
 *
 * `ConditionalCheckFailedException` is an outcome and answered by the adapter; it stands here for the case that it comes where nobody
 * expects it. `LimitExceededException` is about control-plane operations and stays with the common codes.
 */
export const dynamoCodes: ErrorCodes = {
  ConditionalCheckFailedException: 'aborted',
  InvalidEndpointException: 'failed_precondition',
  ItemCollectionSizeLimitExceededException: 'out_of_range',
  ProvisionedThroughputExceededException: 'resource_exhausted',
  ReplicatedWriteConflictException: 'aborted',
  ResourceInUseException: 'failed_precondition',
  ResourceNotFoundException: 'failed_precondition',
  TableNotFoundException: 'failed_precondition',
  TransactionConflictException: 'aborted',
  TransactionInProgressException: 'aborted',
};
