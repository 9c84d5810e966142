export { makeBucket, startS3Server, type S3Access, type S3Server } from './s3-server.ts';
